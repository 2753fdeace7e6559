#!/usr/bin/env python3
"""A plugin in Python: saves an address book, a SQLite database, as a file of JSON lines with one address each.

    addressbook:
      database: /var/lib/addressbook/addressbook.db
"""

import json
import os
import sqlite3
import sys

DUMP = "addresses.jsonl"

DESCRIPTION = {
    "summary": "Addresses of the address book, one line of JSON each.",
    "stages": ["validate", "verify", "restore-plan", "restore", "revert"],
    "options": {
        "type": "object",
        "additionalProperties": False,
        "required": ["database"],
        "properties": {"database": {"type": "string", "minLength": 1, "description": "File of the database."}},
    },
}


def answer(**told):
    """One answer is one line."""
    print(json.dumps(told), flush=True)


def open_to_read(path):
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def validate(options):
    try:
        with open_to_read(options["database"]) as database:
            database.execute("SELECT name, mail FROM addresses LIMIT 1")
    except sqlite3.Error as error:
        sys.exit(f"{options['database']} cannot be read: {error}")


def run(options):
    count = 0
    with open_to_read(options["database"]) as database, open(DUMP, "w", encoding="utf-8") as dump:
        for name, mail in database.execute("SELECT name, mail FROM addresses ORDER BY name, mail"):
            dump.write(json.dumps({"name": name, "mail": mail}) + "\n")
            count += 1
        # So that a dump that is cut off is noticed.
        dump.write(json.dumps({"end": count}) + "\n")
    answer(tables={"addresses": count})
    answer(fact={"sqlite": sqlite3.sqlite_version})


def read_dump():
    """The addresses of a copy; it may come from a machine that was taken over, so nothing in it is believed."""
    with open(os.path.join(os.environ["BACKUP_SAVED"], DUMP), encoding="utf-8") as dump:
        rows = [json.loads(line) for line in dump]
    if not rows or rows.pop().get("end") != len(rows):
        raise ValueError("the dump ends before its end")
    return [(str(row["name"]), str(row["mail"])) for row in rows]


def load(path):
    """Loads the dump into a new database, and tells how many addresses it holds."""
    addresses = read_dump()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE addresses (name TEXT, mail TEXT)")
        database.executemany("INSERT INTO addresses VALUES (?, ?)", addresses)
    database.close()
    return len(addresses)


def verify(_options):
    try:
        # The directory is for this: it is empty, and removed afterwards.
        count = load(os.path.join(os.environ["BACKUP_SCRATCH"], "trial.db"))
        answer(check={"name": DUMP, "status": "ok", "message": f"{count} addresses could be loaded"})
    except (OSError, ValueError, KeyError, AttributeError, TypeError, sqlite3.Error) as error:
        answer(check={"name": DUMP, "status": "failed", "message": str(error)[:1000]})


def restore_plan(options):
    exists = os.path.exists(options["database"])
    answer(step={"action": "replace" if exists else "create", "what": f"database {options['database']}"})


def restore(options):
    path = options["database"]
    kept = os.path.join(os.environ["BACKUP_KEPT"], "before.db")
    # Goes to disk at once: revert reads it, even after a power cut.
    answer(remember={"had_database": os.path.exists(path)})
    if os.path.exists(path):
        with open_to_read(path) as before, sqlite3.connect(f"{kept}.partial") as copy:
            before.backup(copy)
        os.rename(f"{kept}.partial", kept)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    new = f"{path}.new"
    if os.path.exists(new):
        os.unlink(new)
    load(new)
    os.replace(new, path)


def revert(options):
    kept = os.path.join(os.environ["BACKUP_KEPT"], "before.db")
    with open(os.environ["BACKUP_STATE"], encoding="utf-8") as state:
        memo = json.loads(state.read() or "{}")
    if os.path.exists(kept):
        with open_to_read(kept) as before, sqlite3.connect(options["database"]) as database:
            before.backup(database)
    elif memo.get("had_database") is False and os.path.exists(options["database"]):
        os.unlink(options["database"])


def main():
    stage = sys.argv[1]
    if stage == "describe":
        return answer(describe=DESCRIPTION)
    stages = {f.__name__.replace("_", "-"): f for f in (validate, run, verify, restore_plan, restore, revert)}
    if stage not in stages:
        # "I do not have this stage": 64, and not a word.
        sys.exit(64)
    return stages[stage](json.load(sys.stdin))


main()
