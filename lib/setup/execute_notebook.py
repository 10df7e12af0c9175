"""Executes one notebook with its own kernel and shows how it gets on: cells, and the newest line of training progress.

Usage: python execute_notebook.py SOURCE TARGET [FOLDER]. Its kernel works in FOLDER; without one, in SOURCE's. Ends with 0,
with 1 where a cell fails (TARGET then holds the error), or with 130 after an interrupt, which leaves TARGET as it was and
gives training the time to leave a checkpoint.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.sign import NotebookNotary

# Seconds for a training step to end and leave its checkpoint after an interrupt.
GRACE = 5


class Progress(NotebookClient):
    """Shows the one-line text of live displays; on a terminal in place, else at most one line every few seconds."""

    label = ""
    shown = 0.0
    current = None
    interrupted = False

    def say(self, text):
        if sys.stdout.isatty():
            sys.stdout.write("\r\033[K  " + self.label + "  " + text[:100])
        elif time.time() - self.shown > 10:
            self.shown = time.time()
            sys.stdout.write("  " + self.label + "  " + text + "\n")
        sys.stdout.flush()

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in ("display_data", "update_display_data"):
            text = str(msg["content"].get("data", {}).get("text/plain", ""))
            if text and "\n" not in text:
                self.say(text)
        return super().process_message(msg, cell, cell_index)

    def begin(self, label, cell):
        self.label, self.current = label, cell
        # In place of nbclient's own handler, which would end the kernel in the middle of a step.
        with contextlib.suppress(NotImplementedError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self.interrupt)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.interrupt)
        self.say("")

    def interrupt(self):
        # The kernel's cell ends with the step that runs. At a second interrupt the kernel leaves the cell at once.
        self.say("interrupted: the cell is left" if self.interrupted else "interrupted: waiting for a step to end")
        self.interrupted = True
        asyncio.ensure_future(self.km.interrupt_kernel())

    async def _async_cleanup_kernel(self):
        if self.interrupted:
            await asyncio.sleep(GRACE)
        if self.km is not None:
            await super()._async_cleanup_kernel()


def last_words(cell):
    """What a failing cell wrote to stderr: tslab reports an exception there, and its error message is empty."""
    texts = [
        "".join(output["text"])
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    # The kernel's own frames say nothing about the notebook.
    own = ("node_modules/tslab/", "(node:", " node:")
    lines = [line for text in texts[-1:] for line in text.strip().split("\n") if not any(name in line for name in own)]
    return "\n".join(lines) or "the kernel gave no reason"


def without_empty_lines(notebook):
    """Leaves out the places of lines that said for a while that a step computes, and then had nothing more to say."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("data") != {"text/plain": ""}]


def write(notebook, target):
    partial = target + ".partial"
    try:
        nbformat.write(notebook, partial)
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(partial)
        raise


def trust(target):
    """Lets the outputs act in JupyterLab: they were computed here. In one that is not trusted no figure becomes interactive."""
    NotebookNotary().sign(nbformat.read(target, as_version=4))


def main(source, target, folder=None):
    notebook = nbformat.read(source, as_version=4)
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    client = Progress(
        notebook,
        timeout=None,
        # A notebook would change at each execution.
        record_timing=False,
        # A machine that others keep busy starts a kernel in minutes.
        startup_timeout=600,
        kernel_name="tslab",
        shutdown_kernel="immediate",
        resources={"metadata": {"path": folder or os.path.dirname(os.path.abspath(source))}},
    )

    def begin(cell, cell_index):
        if cell_index in code:
            client.begin(f"cell {code.index(cell_index) + 1}/{len(code)}", cell)

    client.on_cell_start = begin
    failed = None
    # What the kernel's process itself says (TensorFlow's log, mostly) matters only where it dies.
    with tempfile.TemporaryFile() as log:
        try:
            client.execute(stderr=log)
        except CellExecutionError:
            failed = last_words(client.current)
        except DeadKernelError:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
            failed = "the kernel died; its last words:\n" + log.read().decode(errors="replace").strip()
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")
    if client.interrupted:
        sys.exit(130)
    without_empty_lines(notebook)
    write(notebook, target)
    trust(target)
    if failed:
        print(f"{os.path.basename(source)}, {client.label}: {failed}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(f"{sys.argv[1]} could not be executed into {sys.argv[2]}: {error}")
