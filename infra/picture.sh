#!/usr/bin/env bash
# Draws docs/demo.svg: what a first `cargo run` prints, in a terminal's window. Needs Python 3 with pip.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=target/picture
rm -rf $folder/work && mkdir -p $folder/work
[ -e $folder/rich ] || python3 -m pip install -qq --target $folder/rich 'rich==14.*'

cargo build --quiet
(cd $folder/work && exec ../../debug/crae --ready-file ready > printed) &
trap 'kill $!' EXIT
until [ -e $folder/work/ready ]; do sleep 0.2; done
until grep -q Data $folder/work/printed; do sleep 0.2; done

PYTHONPATH=$folder/rich python3 - $folder/work/printed <<'PYTHON'
import re
import sys

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

# The tables and where it serves; what is to be pasted can be pasted from the README.
printed = open(sys.argv[1]).read().split("\n  Tenant")[0]
text = Text("$ cargo run\n" + printed)
text.highlight_regex(r"\$ cargo run", "bold green")
text.highlight_regex(r"[─═]+", "bright_black")
text.highlight_regex(r"(?m)^ (Agent|Vendor).*\n.*$", "bold")
text.highlight_regex(r"http\S+", "cyan")

console = Console(record=True, width=max(map(len, printed.splitlines())) + 2, file=open("/dev/null", "w"))
console.print(text, no_wrap=True, highlight=False)
# Nothing is fetched from anywhere: whoever has the font sees it, others see theirs.
template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.S)
console.save_svg("docs/demo.svg", title="CRAE", code_format=template, unique_id="crae")
PYTHON
