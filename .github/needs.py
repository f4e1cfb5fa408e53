"""Prints what the base installation needs, a line for each package, with the oldest versions."""

import configparser

config = configparser.ConfigParser()
config.read("setup.cfg", encoding="utf-8")
lines = config["options"]["install_requires"].splitlines()
print(*(line for line in lines if not line.startswith("#")), sep="\n")
