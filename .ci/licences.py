"""deny.toml's rules on licences, banned crates and sources, over `cargo metadata`."""

import json
import re
import sys
import tomllib


def satisfied(expression: str, allowed: set[str]) -> bool:
    """Does an SPDX expression hold when only these licences are accepted?"""
    words = re.findall(r"\(|\)|[^\s()/]+|/", expression.replace(" WITH ", "+WITH+"))
    words = ["OR" if word == "/" else word for word in words]

    def either() -> bool:
        holds = both()
        while words and words[0] == "OR":
            words.pop(0)
            right = both()
            holds = holds or right
        return holds

    def both() -> bool:
        holds = one()
        while words and words[0] == "AND":
            words.pop(0)
            right = one()
            holds = holds and right
        return holds

    def one() -> bool:
        word = words.pop(0)
        if word == "(":
            holds = either()
            words.pop(0)
            return holds
        return word.replace("+WITH+", " WITH ") in allowed

    return either()


rules = tomllib.load(open(sys.argv[1], "rb"))
metadata = json.load(open(sys.argv[2]))
allowed = set(rules["licenses"]["allow"])
banned = {rule["crate"] for rule in rules["bans"]["deny"]}
used = {tuple(line.split()[:2]) for line in open(sys.argv[3]) if line.strip()}
wrong = []
for package in metadata["packages"]:
    if (package["name"], f"v{package['version']}") not in used:
        continue
    name = f"{package['name']} {package['version']}"
    if package["name"] in banned:
        wrong.append(f"{name} is banned")
    if package["source"] and not package["source"].startswith("registry+"):
        wrong.append(f"{name} comes from {package['source']}")
    licence = package["license"]
    if not licence:
        if not package["license_file"]:
            wrong.append(f"{name} names no licence")
    elif not satisfied(licence, allowed):
        wrong.append(f"{name} is under {licence}")
print(f"{len(used)} crates looked at")
if wrong:
    sys.exit("\n".join(sorted(wrong)))
