"""Prints the SAM template in the first argument as CloudFormation reads it, as JSON."""

import json
import sys

from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

with open(sys.argv[1]) as file:
    template = yaml_parse(file.read())
# `sam deploy` replaces local folders before CloudFormation translates the template.
for resource in template["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if name in resource["Properties"]:
            resource["Properties"][name] = "s3://bucket/key"
print(json.dumps(Translator({}, Parser()).translate(template, {})))
