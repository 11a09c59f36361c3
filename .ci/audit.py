"""Known vulnerabilities of what the lock installs: a finding fails, an index that does not answer is said aloud."""

import json
import subprocess
import sys

found = subprocess.run(
    [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--format", "json", "--progress-spinner", "off"],
    capture_output=True,
    text=True,
    check=False,
)
try:
    dependencies = [d for d in json.loads(found.stdout)["dependencies"] if d["name"] != "oda-delegations"]
except (ValueError, KeyError):
    print(f"NON VÉRIFIÉ : pip-audit n'a pas répondu ({found.stderr.strip().splitlines()[-1:]})")
    sys.exit(0)
vulnerable = [(d["name"], d["version"], v["id"]) for d in dependencies for v in d.get("vulns", [])]
skipped = [d["name"] for d in dependencies if "skip_reason" in d]
for name, version, identifier in vulnerable:
    print(f"{name} {version} : {identifier}")
if skipped:
    print(f"NON VÉRIFIÉ : {len(skipped)} paquets sur {len(dependencies)}, l'index n'a pas répondu pour eux")
print(f"{len(dependencies) - len(skipped)} paquets vérifiés, {len(vulnerable)} vulnérabilités connues")
sys.exit(1 if vulnerable else 0)
