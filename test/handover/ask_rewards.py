"""Asks a reward server with the client that hand-overs hold: for test/handover/reward-client.test.ts.

Reads one JSON request from stdin: {"client": FOLDER, "server": arguments of RewardServer, "largest": bytes or null, "calls": [...]}. A
call is "check" or the arguments of `score`. Writes a JSON list: an answer a call, or {"error": type and message}, which ends the list.
"""
import json
import sys

request = json.load(sys.stdin)
sys.path.insert(0, request["client"])
import reward_client  # noqa: E402

if request.get("largest"):
    reward_client.LARGEST_REQUEST = request["largest"]
answers = []
try:
    server = reward_client.RewardServer(**request["server"])
    for call in request["calls"]:
        if call == "check":
            answers.append(server.check())
        else:
            scores = server.score(**call)
            answers.append({"rewards": scores.rewards, "sums": scores.sums, "metrics": scores.metrics, "errors": scores.errors})
except Exception as error:
    answers.append({"error": f"{type(error).__name__}: {error}"})
json.dump(answers, sys.stdout)
