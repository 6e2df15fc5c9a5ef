"""Prints the outcome of each test in a report of `python3 -m test --junit-xml`."""

import sys
import xml.etree.ElementTree

for case in xml.etree.ElementTree.parse(sys.argv[1]).iter("testcase"):
    outcome = "passed"
    for child in case:
        if child.tag in ("failure", "error", "skipped"):
            outcome = child.tag
    if case.get("status") == "run" and case.get("result") not in (None, "completed"):
        outcome = case.get("result")
    print("result python", case.get("name", "").replace(" ", "_"), outcome, flush=True)
