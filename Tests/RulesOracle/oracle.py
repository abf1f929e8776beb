#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `ullage rules` with Debian's promtool on generated and hand-written rules."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import generate

NAMES = re.compile(r"invalid (recording rule|label|annotation) name: [^{}]+$")
HERE = os.path.dirname(os.path.abspath(__file__))
INPUT = """rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - series: 'up{job="j",instance="h.example.com:9100"}'
    values: '1234567.5x10'
  alert_rule_test:
"""


def run(*command, cwd=None):
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120)


class Oracle:
    def __init__(self, program, directory):
        self.program = os.path.abspath(program)
        self.directory = directory
        self.differences = 0
        self.compared = 0

    def differ(self, what, ours, theirs):
        self.differences += 1
        if self.differences <= 10:
            print(f"--- {what}\nullage:   {ours}\npromtool: {theirs}\n", file=sys.stderr)

    def path(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    # Verdicts on files.

    def verdicts(self, texts, label):
        paths = [self.path(f"{label}{i}.yaml", text) for i, text in enumerate(texts)]
        ours = {}
        for line in run(self.program, "rules", "check", "-o", "json", *paths).stdout.splitlines():
            record = json.loads(line)
            ours[record["file"]] = record
        result = run("promtool", "check", "rules", "--lint=none", *paths)
        parts = dict(part.split("\n", 1) for part in result.stdout.split("Checking ")[1:])
        errors = {path: [] for path in paths}
        for line in result.stderr.splitlines():
            path = line.split(": ")[0]
            if path in errors:
                errors[path].append(line[len(path) + 2:])
        return [(ours[path], parts[path], errors[path]) for path in paths]

    def files(self, count, seed):
        generator = generate.Files(seed)
        texts = [generator.file() for _ in range(count)]
        refused = 0
        for text, (ours, said, errors) in zip(texts, self.verdicts(texts, "file")):
            self.compared += 1
            refused += not ours["ok"]
            found = re.search(r"(\d+) rules found", said)
            # Names that Prometheus 3 allows and Prometheus 2 does not.
            if ours["ok"] and errors and all(NAMES.search(line) for line in errors):
                continue
            if ours["ok"] != bool(found):
                self.differ(text, ours["problems"] or "accepted", errors or "accepted")
            elif ours["ok"]:
                if int(found.group(1)) != ours["rules"]:
                    self.differ(text, f"{ours['rules']} rules", said)
            elif any("line" not in problem for problem in ours["problems"]):
                self.differ(text, "a problem without a place", ours["problems"])
        print(f"{count} rule files, {refused} of them refused")

    # What templates write.

    def templates(self, count, seed):
        with open(os.path.join(HERE, "templates.txt"), encoding="utf-8") as file:
            texts = [line.rstrip("\n") for line in file if line.strip()]
        texts = [json.loads('"' + text[1:].replace('"', '\\"') + '"') if text.startswith("!") else text for text in texts]
        generator = generate.Templates(seed)
        texts += [generator.template() for _ in range(count)]
        ((ours, _, errors),) = self.verdicts([self.alerts(texts)], "templates")
        numbers = re.compile(r"rule (\d+), ")
        mine = {int(numbers.search(one["message"]).group(1)) - 1: one["message"] for one in ours["problems"]}
        other = {int(numbers.search(line).group(1)) - 1: line for line in errors}
        for i, text in enumerate(texts):
            self.compared += 1
            if (i in mine) != (i in other):
                self.differ(text, mine.get(i, "accepted"), other.get(i, "accepted"))
        good = [text for i, text in enumerate(texts) if i not in mine and i not in other]
        tests = INPUT
        for i in range(len(good)):
            tests += f"  - {{eval_time: 2m, alertname: A{i}, exp_alerts: []}}\n"
        for text, ours, theirs in zip(good, *self.outputs(self.alerts(good), tests)):
            if ours != theirs:
                self.differ(text, ours, theirs)
        print(f"{len(texts)} templates, {len(texts) - len(good)} of them refused")

    @staticmethod
    def alerts(texts):
        rules = "groups:\n- name: g\n  rules:\n"
        for i, text in enumerate(texts):
            rules += f"  - alert: A{i}\n    expr: up\n    annotations: {{x: {generate.quoted(text)}}}\n"
        return rules

    def outputs(self, rules, tests):
        """The annotations of each alert, as both print them, in order."""
        self.path("rules.yaml", rules)
        path = self.path("tests.yaml", tests)
        texts = []
        for command in ([self.program, "rules", "test", path], ["promtool", "test", "rules", path]):
            result = run(*command, cwd=self.directory)
            found = re.findall(r"alertname: A(\d+), .*?Annotations:\{(.*?)\}\n +\]", result.stdout + result.stderr, re.S)
            texts.append([value for _, value in sorted(found, key=lambda one: int(one[0]))])
        if len(texts[0]) != len(texts[1]):
            self.differ("the number of alerts", len(texts[0]), len(texts[1]))
        return texts

    # The rules that Ullage ships, with their tests.

    def shipped(self):
        directory = os.path.join(HERE, "..", "..", "config", "rules.d", "tests")
        paths = sorted(os.path.join(directory, name) for name in os.listdir(directory))
        for path in paths:
            self.compared += 1
            ours = run(self.program, "rules", "test", path)
            theirs = run("promtool", "test", "rules", path)
            if ours.returncode or theirs.returncode:
                self.differ(path, ours.stdout + ours.stderr, theirs.stdout + theirs.stderr)
        print(f"{len(paths)} files of tests of the shipped rules")

    # Unit tests as a whole.

    @staticmethod
    def normal(text):
        lines = []
        for line in text.splitlines():
            if not line.startswith("    ") and not line.startswith("        "):
                continue
            line = re.sub(r"err: .*", "err", line)
            if line.startswith("    rule: "):
                line = re.sub(r"time: \S+,", "time", line)
            if re.fullmatch(r" +\d+:", line):
                continue
            lines.append(", ".join(sorted(line.rstrip().rstrip(",").split(", {"))))
        return sorted(lines)

    def tests(self, count, seed):
        generator = generate.Tests(seed)
        alerts = 0
        for _ in range(count):
            rules, tests = generator.case()
            self.path("rules.yaml", rules)
            path = self.path("tests.yaml", tests)
            ours = run(self.program, "rules", "test", path, cwd=self.directory)
            theirs = run("promtool", "test", "rules", path, cwd=self.directory)
            self.compared += 1
            mine, other = self.normal(ours.stdout + ours.stderr), self.normal(theirs.stdout + theirs.stderr)
            alerts += sum("Labels:{alertname" in line for line in other)
            if mine != other or (ours.returncode == 0) != (theirs.returncode == 0):
                only = [line for line in mine if line not in other]
                missing = [line for line in other if line not in mine]
                self.differ(rules + tests, "\n".join(only), "\n".join(missing))
        print(f"{count} unit tests with {alerts} alerts")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--templates", type=int, default=150)
    parser.add_argument("--tests", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        oracle = Oracle(options.program, directory)
        oracle.files(options.files, options.seed)
        oracle.templates(options.templates, options.seed)
        oracle.tests(options.tests, options.seed)
        oracle.shipped()
    print(f"{oracle.compared} compared with promtool, {oracle.differences} differ (seed {options.seed})")
    return 1 if oracle.differences else 0


if __name__ == "__main__":
    sys.exit(main())
