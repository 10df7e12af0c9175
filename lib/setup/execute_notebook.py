"""Executes one notebook with its own kernel and shows how it gets on: cells, and the newest line of training progress."""

import os
import sys
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


class Progress(NotebookClient):
    """Shows the one-line text of live displays; on a terminal in place, else at most one line every few seconds."""

    label = ""
    shown = 0.0

    def say(self, text, force=False):
        if sys.stdout.isatty():
            sys.stdout.write("\r\033[K  " + self.label + "  " + text[:100])
        elif force or time.time() - self.shown > 10:
            self.shown = time.time()
            sys.stdout.write("  " + self.label + "  " + text + "\n")
        sys.stdout.flush()

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in ("display_data", "update_display_data"):
            text = str(msg["content"].get("data", {}).get("text/plain", ""))
            if text and "\n" not in text:
                self.say(text)
        return super().process_message(msg, cell, cell_index)


def last_words(notebook):
    """What the failing cell wrote to stderr: tslab reports an exception there, and its error message is empty."""
    texts = [
        "".join(output["text"])
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    return texts[-1].strip() if texts else "the kernel gave no reason"


def main(source, target):
    notebook = nbformat.read(source, as_version=4)
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    client = Progress(notebook, timeout=None, kernel_name="tslab", resources={"metadata": {"path": os.path.dirname(source)}})

    def begin(cell, cell_index):
        if cell_index in code:
            client.label = f"cell {code.index(cell_index) + 1}/{len(code)}"
            client.say("", force=False)

    client.on_cell_start = begin
    failed = None
    try:
        client.execute()
    except CellExecutionError:
        failed = f"{os.path.basename(source)}, {client.label}: {last_words(notebook)}"
    partial = target + ".partial"
    nbformat.write(notebook, partial)
    os.replace(partial, target)
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")
    if failed:
        print(failed, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    except KeyboardInterrupt:
        sys.exit(130)
