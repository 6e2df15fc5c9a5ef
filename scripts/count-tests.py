#!/usr/bin/env python3
"""Counts the test cases in a folder of gtest XML reports: prints PASSED FAILED SKIPPED."""

import pathlib
import sys
import xml.etree.ElementTree as ET

passed = failed = skipped = 0
for report in pathlib.Path(sys.argv[1]).glob("*.xml"):
    for case in ET.parse(report).iter("testcase"):
        if case.get("status") == "notrun" or case.find("skipped") is not None:
            skipped += 1
        elif case.find("failure") is not None:
            failed += 1
        else:
            passed += 1
print(passed, failed, skipped)
