"""Makes test/parity/fixtures/tokenizer: a small tokenizer in the form of Qwen2's, as transformers saves it with Qwen2-VL's chat
template, and what transformers makes of awkward texts and of conversations, in that template and in one after Qwen3-VL's. Needs transformers; run by hand when that
changes:

    python test/parity/make_tokenizer_fixture.py
"""

import json
import os
import random
import shutil

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from chat_template import QWEN3_TEMPLATE, TEMPLATE

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "fixtures", "tokenizer")
# Qwen2-VL's added tokens in their order, then four of Qwen2.5's, which its file does not call special.
SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
]
ORDINARY = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|file_sep|>"]
WORLD = [
    "Größe, naïve façade, coöperate, Ångström, œuvre, Straße, señor, così, perché, český, żółć, İstanbul, ığdır",
    "Сколько красных кубиков на картинке? Ответ: семь. Український текст, ещё ёлка.",
    "Πόσες σφαίρες υπάρχουν στην εικόνα; Η απάντηση είναι επτά.",
    "图片里有多少个红色的立方体？答案是七个。請先思考，再回答。画像に赤い立方体はいくつありますか。ひらがなとカタカナ。",
    "그림에 빨간 정육면체가 몇 개 있습니까? 정답은 일곱 개입니다.",
    "كم عدد المكعبات الحمراء في الصورة؟ الجواب: سبعة. שלום עולם, כמה קוביות יש בתמונה?",
    "चित्र में कितने लाल घन हैं? उत्तर सात है। ภาพนี้มีลูกบาศก์สีแดงกี่ลูก",
    "😀 😃 👍 ❤️ 🎉 → ≤ ≥ ≠ ± × ÷ √ ∑ π α β γ € £ ¥ ° ½ … – — “quoted” ‘single’",
]
MANY_WORDS = [
    "<think>\nThere are 12 red cubes and 30 blue spheres. 12 + 30 = 42, so 42 - 7 = 35.\n</think>\n<answer>\n35\n</answer>",
    "def count(shapes):\n    return sum(1 for shape in shapes if shape.colour == 'red')\n\n\tif (a != b) { return x[0]; } // ...",
    "AB = 3.5 cm, \\frac{1}{2} x^2 + 2x - 7 = 0, \\angle ABC = 90^\\circ, $\\sqrt{2}$; 100% of 1,000,000.00; 2024-09-18T12:30:00Z",
]

AWKWARD = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", "\t\t x", " \n \n ", "a\n", "\na", " a", "a ", "a  b", "a   b", "   a   ", "a \n b\r\n\r\n  c\t",
    "\u00a0x\u00a0\u00a0y", "\u3000全角\u3000", "x\u2028y\u2029z", "x\u0085y", "\ufefftext", "a\u200bb\u200cc\u200dd", "x\u2003\u2009y", "\u180e", "\u001c\u001d x",
    "don't DON'T we'Ll I'M they'd you'Ve it's 'S ' s ''s 'ſ 'ſs it'ſ", "K Kelvin \u212a, Ångström \u212b, Ohm \u2126", "ſ ß ẞ ﬁ ﬃ ǆ ŉ",
    "e\u0301 \u0065\u0302\u0323 \u1ec7 a\u0328\u0301", "\u0301leading", "n\u0303\u0303\u0303", "q\u0323\u0307 q\u0307\u0323", "\u0344 \u0958 \u2adc \ufb1d", "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324A\u032f",
    "\u1112\u1161\u11ab\u1100\u1173\u11af 한글", "\u3131\u314f", "\uac00\u11a8", "か\u3099 は\u309a が ぱ", "你好，世界！漢字和汉字𠮷𝄞", "\uf900 \ufa0e \u2f800",
    "👩‍👩‍👧‍👦 👨🏿‍🚀 🏳️‍🌈 🇩🇪🇫🇷 ✊🏽 1️⃣ ☎︎ ☎️ 🫠", "שָׁלוֹם עֲלֵיכֶם", "مَرْحَبًا بِكُمْ", "\u202eright to left\u202c \u2067x\u2069", "नमस्ते क्षत्रिय", "สวัสดีครับ", "ப்ரியா", "မြန်မာ",
    "7", "42", " 42", "1234567890", "3.14159265358979323846264338327950288", "1,234,567.89", "-17 + 0x1F = 1e-9", "9" * 200, "½ ¾ ² ³ ① Ⅷ ㊿", "٣٤٥ ۷۸۹ १२३ ７８９ 𝟘𝟙𝟚", "1.2.3-4", "v10b2", "2+2=4;5*5=25",
    "<think>reason</think><answer>7</answer>", "<think>\n</think>\n<answer>\n</answer>", "<think><think></answer", "</think >", "< think >", "<THINK>", "<tool_call>{\"name\": 1}</tool_call>", "<|fim_prefix|>x<|file_sep|>",
    "<|im_end|>", "a<|im_end|>b", "<|im_end|>\n<|im_start|>assistant\nYes", " <|im_end|> ", "<|im_<|im_end|>end|>", "<|im_end|", "<|IM_END|>", "<|im_end|><|im_end|>", "<|im_end|>\u0301", "<|im_end|>\u0338",
    "<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|>" * 5, "<|video_pad|><|vision_pad|>", "<|endoftext|>", "<|object_ref_start|>cube<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>", "<|unknown|>", "<s></s>[INST]<pad>", "\uff1c|im_end|\uff1e",
    "\\n\\t\\u0041", "C:\\temp\\new.txt", "https://example.org/a?b=c&d=%20e#f", "a_b-c.d/e\\f|g~h`i@j#k$l%m^n&o*p(q)r", "!!!???...,,,;;;:::", "--- === *** ___ ```", "{\"key\": [1, 2.5, null, true]}", "x²+y²=z²", "$\\frac{a}{b}$",
    "\u0000", "a\u0000b\u0001\u001b[0m\u007f", "\ufffd\ufffe\uffff", "\ue000private\uf8ff", "\U0010ffff\U000e0041", "\u0378\u0380 unassigned", "ab" * 600, " " * 300, "\n" * 50 + "x", "a" * 700, "é" * 300, "😀" * 100, "漢" * 200, "-" * 500, "Hello, World! " * 40,
    "camelCaseWords HTTPServer snake_case kebab-case UPPER lower MiXeD", "there There THERE thére", "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
]


def random_texts(count):
    """Pieces of the awkward texts and single characters of all planes, glued together."""
    dice = random.Random(3)
    pieces = [piece for text in AWKWARD + WORLD + MANY_WORDS for piece in text[:200].split(" ")] + [" ", "\n", "\t", "'s", "7", "<|im_end|>", "\u0301"]
    texts = []
    while len(texts) < count:
        parts = []
        for _ in range(dice.randint(1, 8)):
            if dice.random() < 0.3:
                code = dice.choice([dice.randrange(0x250), dice.randrange(0x3000), dice.randrange(0x20000)])
                if 0xD800 <= code < 0xE000:
                    continue
                parts.append(chr(code))
            else:
                parts.append(dice.choice(pieces))
        texts.append(dice.choice(["", " "]).join(parts))
    return texts


def random_ids(size, count):
    dice = random.Random(4)
    return [[dice.randrange(dice.choice([256, size])) for _ in range(dice.randint(1, 12))] for _ in range(count)]


def text(value):
    return {"type": "text", "text": value}


IMAGE = {"type": "image"}


def turn(role, *content):
    return {"role": role, "content": list(content)}


CONVERSATIONS = [
    [turn("user", text("How many red cubes are there?"))],
    [turn("user", IMAGE, text("How many red cubes are there?"))],
    [turn("user", IMAGE, IMAGE, text("Which picture has more?"), IMAGE)],
    [turn("user", text("Before "), IMAGE, text(" and after"))],
    [turn("system", text("You count objects.")), turn("user", IMAGE, text("Count."))],
    [turn("user", IMAGE, text("Count.")), turn("assistant", text("<think>\n3 + 4 = 7\n</think>\n<answer>\n7\n</answer>"))],
    [turn("user", IMAGE, text("Count.")), turn("assistant", text("7")), turn("user", text("And the blue ones?"), IMAGE), turn("assistant", text("It's 12."))],
    # What a text begins and ends with joins what the template writes beside it.
    [turn("user", text("\n\nA question"))],
    [turn("user", text("  spaces  "))],
    [turn("user", text("two"), text("parts"), text("'s"), text(" joined\n"), text("\n"))],
    [turn("user", text("e"), text("\u0301"))],
    [turn("user", text("")), turn("assistant", text(""))],
    [turn("system", text("")), turn("user", text("漢字 👩‍👩‍👧‍👦 שלום \u202e"))],
    [turn("user", text("braces {{ x }} {% if %} {# no #} and \\n"))],
]


def conversations(tokenizer, template):
    def render(messages, opened, **options):
        return tokenizer.apply_chat_template(messages, chat_template=template, add_generation_prompt=opened, **options)

    return [
        {
            "messages": messages,
            "opened": opened,
            "text": render(messages, opened, tokenize=False),
            "ids": render(messages, opened, tokenize=True, return_dict=False),
        }
        for messages in CONVERSATIONS
        for opened in (False, True)
    ]


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    trained = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    trained.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    with open(os.path.join(HERE, "..", "..", "LICENSE"), encoding="utf-8") as file:
        words = file.read()
    size = 2000 - len(SPECIAL) - len(ORDINARY)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trained.train_from_iterator([words, *WORLD * 2, *MANY_WORDS * 2], trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    tokenizer = Qwen2Tokenizer(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in ORDINARY])
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(OUT)
    path = os.path.join(OUT, "tokenizer.json")
    with open(path) as file:
        written = json.load(file)
    with open(path, "w") as file:
        json.dump(written, file, separators=(",", ":"))

    # Loaded anew, as anyone would.
    tokenizer = AutoTokenizer.from_pretrained(OUT)
    texts = [*AWKWARD, *WORLD, *MANY_WORDS, *random_texts(250)]
    expected = {
        "texts": [
            {
                "text": each,
                "ids": tokenizer(each, add_special_tokens=False)["input_ids"],
                # Special tokens in the text are text.
                "plain": tokenizer(each, add_special_tokens=False, split_special_tokens=True)["input_ids"],
            }
            for each in texts
        ],
        # Ids in any order, so that characters are cut apart.
        "decoded": [
            {"ids": ids, "text": tokenizer.decode(ids), "bare": tokenizer.decode(ids, skip_special_tokens=True)}
            for ids in random_ids(len(tokenizer), 80)
        ],
        "conversations": conversations(tokenizer, TEMPLATE),
        "qwen3Conversations": conversations(tokenizer, QWEN3_TEMPLATE),
    }
    with open(os.path.join(OUT, "expected.json"), "w") as file:
        json.dump(expected, file, separators=(",", ":"))
    print(len(tokenizer), "tokens,", len(texts), "texts,", sum(len(each["ids"]) for each in expected["texts"]), "ids")


if __name__ == "__main__":
    main()
