"""What transformers and PEFT say of checkpoints that the kit saved: for test/parity/reload.test.ts.

Reads one JSON request from stdin: {"count": LAST TOKENS, "folders": [{"checkpoint": DIR, "adapter": DIR or null}], "cases":
[{"question": TEXT, "images": [FILES]}]}. Writes one JSON answer: {"peft": IS IT INSTALLED, "logits": {FOLDER: a list a case}};
a folder with an adapter is absent where PEFT is.
"""
import importlib.util
import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # What libraries print must not stand in the answer.

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor  # noqa: E402

request = json.load(sys.stdin)
peft = importlib.util.find_spec("peft") is not None


def encode(processor, case):
    content = [{"type": "image"} for _ in case["images"]] + [{"type": "text", "text": case["question"]}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False)
    images = [Image.open(file) for file in case["images"]]
    return processor(text=[text], images=images or None, return_tensors="pt")


logits = {}
for folder in request["folders"]:
    if folder["adapter"] and not peft:
        continue
    processor = AutoProcessor.from_pretrained(folder["checkpoint"])
    # The class by its name, which decides the resampling; by itself transformers takes torchvision's for either.
    with open(os.path.join(folder["checkpoint"], "preprocessor_config.json")) as file:
        pillow = json.load(file)["image_processor_type"].endswith("Pil")
    processor.image_processor = AutoImageProcessor.from_pretrained(folder["checkpoint"], backend="pil" if pillow else "torchvision")
    model = AutoModelForImageTextToText.from_pretrained(folder["checkpoint"], dtype=torch.float32).eval()
    if folder["adapter"]:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, folder["adapter"]).eval()
    with torch.no_grad():
        found = [model(**encode(processor, case)).logits[0, -request["count"] :].flatten().tolist() for case in request["cases"]]
    logits[folder["adapter"] or folder["checkpoint"]] = found
json.dump({"peft": peft, "logits": logits}, answers)
