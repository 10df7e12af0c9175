"""Asks the reward server of the kit what completions are worth. It needs nothing but Python's standard library.

Environment:
  REASON_RFT_REWARD_TOKEN     the token of the server; it must be set
  REASON_RFT_REWARD_URL       where the server listens; default http://127.0.0.1:8771
  REASON_RFT_REWARD_PATIENCE  for how many seconds a server that does not answer is asked again; default 120
  REASON_RFT_REWARD_TIMEOUT   for how many seconds one answer is waited for; default 600

A reward is a number, or None where it does not apply to a completion. Nothing else ever becomes a reward: whatever goes wrong raises
RewardServerError, which ends the training before its update.
"""
import hashlib
import http.client
import json
import math
import os
import random
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

TOKEN = "REASON_RFT_REWARD_TOKEN"
URL = "REASON_RFT_REWARD_URL"
PATIENCE = "REASON_RFT_REWARD_PATIENCE"
TIMEOUT = "REASON_RFT_REWARD_TIMEOUT"

LARGEST_REQUEST = 32 * 2**20
"""Bytes. The server takes 64 MB. A step that is larger is asked in several requests, each of whole groups."""
LONGEST_PAUSE = 10.0
"""Seconds between two attempts."""
LATER = (429, 502, 503, 504)
"""Statuses that a server, or a proxy before it, gives while it cannot answer yet."""


class RewardServerError(RuntimeError):
    """The rewards of a step are not known. No training may go on without them."""


class Scores:
    """The answer for some completions.

    rewards  for each reward by its name: a number or None for each completion, in order
    sums     the weighted sum for each completion; None where no reward applies
    metrics  what a run logs beside the means, such as rewards/NAME/nulls
    errors   rewards that failed and count as None, where the server allows that: {"reward", "index", "message"}
    """

    def __init__(self, rewards, sums, metrics, errors):
        self.rewards = rewards
        self.sums = sums
        self.metrics = metrics
        self.errors = errors


class RewardServer:
    """A reward server. Several threads may use one."""

    def __init__(self, rewards, url=None, token=None, patience=None, timeout=None):
        """rewards: the weight of each reward by its name. The server must have the same ones."""
        self.weights = dict(rewards)
        self.url = (url or os.environ.get(URL) or "http://127.0.0.1:8771").rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise RewardServerError(f"{URL} must begin with http:// or https://, got '{self.url}'")
        self._token = token or os.environ.get(TOKEN)
        if not self._token:
            raise RewardServerError(f"{TOKEN} is not set; set it to the token that the reward server was started with")
        self.patience = _seconds(PATIENCE, patience, 120.0)
        self.timeout = _seconds(TIMEOUT, timeout, 600.0)
        # No proxy of the environment stands between a trainer and its rewards, and the token goes nowhere else.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
        self._lock = threading.Lock()
        self._last = (None, None)
        # A generator of its own: the trainer's random numbers stay as they are.
        self._random = random.Random()

    def check(self):
        """Asks whether the server is there and has these rewards. Returns the number of its rows."""
        health = self._ask("/health", None)
        rewards = health.get("rewards")
        try:
            weights = {reward["name"]: float(reward["weight"]) for reward in rewards}
        except (KeyError, TypeError, ValueError):
            raise RewardServerError(f"{self.url} is no reward server: it answered {_short(health)}") from None
        if weights != {name: float(weight) for name, weight in self.weights.items()}:
            raise RewardServerError(
                f"the server at {self.url} has the rewards {weights}, and this run is to train on {self.weights}; "
                "start the server that belongs to this folder: sh rewards/serve.sh"
            )
        return health.get("rows")

    def score(self, ids, completions, prompts=None, tokens=None, cut=None, step=None):
        """What the completions of some rows are worth. Completions of one row are one group, so give all of them together.

        ids          the id of each completion's row
        completions  the texts that the model wrote, without the token that ends them
        prompts, tokens, cut  if a reward reads them: prompt, number of tokens, whether it was cut at the length limit; a list each
        step         if a reward reads it; the first is 1
        The same question again is answered without the server, so one function for each reward costs one request in all.
        """
        lists = {"ids": ids, "completions": completions, "prompts": prompts, "tokens": tokens, "cut": cut}
        lists = {name: list(values) for name, values in lists.items() if values is not None}
        for name, values in lists.items():
            if len(values) != len(lists["completions"]):
                raise RewardServerError(f"there are {len(values)} {name} for {len(lists['completions'])} completions")
        extra = {} if step is None else {"step": step}
        key = hashlib.sha256(json.dumps([lists, extra]).encode()).digest()
        with self._lock:
            if self._last[0] != key:
                self._last = (key, self._score(lists, extra))
            return self._last[1]

    def _score(self, lists, extra):
        count = len(lists["completions"])
        rewards = {name: [None] * count for name in self.weights}
        sums = [None] * count
        metrics, errors, parts = {}, [], _whole_groups(lists)
        for part in parts:
            body = {name: [values[i] for i in part] for name, values in lists.items()}
            answer = self._ask("/score", {**body, **extra})
            scored = self._read(answer, len(part))
            for name, values in scored.rewards.items():
                for i, value in zip(part, values):
                    rewards[name][i] = value
            for i, value in zip(part, scored.sums):
                sums[i] = value
            for name, value in scored.metrics.items():
                metrics.setdefault(name, []).append((value, len(part)))
            errors += [{**error, "index": part[error["index"]]} for error in scored.errors]
        if errors:
            print(f"Failures of rewards that count as null: {len(errors)}. The first: {errors[0]['message']}", file=sys.stderr, flush=True)
        return Scores(rewards, sums, {name: _joined(name, values) for name, values in metrics.items()}, errors)

    def _read(self, answer, count):
        """An answer, checked: nothing that is not a number or null becomes a reward."""
        rewards, sums = answer.get("rewards"), answer.get("sums")
        if not isinstance(rewards, dict) or set(rewards) != set(self.weights):
            raise RewardServerError(
                f"the server at {self.url} answered with the rewards {_short(rewards)}, and asked for were {list(self.weights)}"
            )
        for name, values in [*rewards.items(), ("sums", sums)]:
            if not isinstance(values, list) or len(values) != count:
                raise RewardServerError(f"the server at {self.url} gave {_short(values)} as {name} of {count} completions")
            for value in values:
                if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value)):
                    raise RewardServerError(f"the server at {self.url} gave {_short(value)} as a number of {name}")
        return Scores(rewards, sums, answer.get("metrics") or {}, answer.get("errors") or [])

    def _ask(self, path, body):
        """Asks until there is an answer or patience has ended. @raises RewardServerError"""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        begun = time.monotonic()
        attempt = 0
        while True:
            request = urllib.request.Request(self.url + path, data=data, headers=headers)
            try:
                with self._opener.open(request, timeout=self.timeout) as response:
                    return _json_object(response.read(), self.url)
            except urllib.error.HTTPError as error:
                with error:
                    problem = _problem(error)
                if error.code not in LATER:
                    raise RewardServerError(f"the reward server at {self.url} refused {path} (status {error.code}): {problem}") from None
            except (OSError, http.client.HTTPException, socket.timeout) as error:
                problem = str(getattr(error, "reason", None) or error) or type(error).__name__
            waited = time.monotonic() - begun
            pause = min(LONGEST_PAUSE, 0.25 * 2**attempt) * self._random.uniform(0.5, 1)
            if waited + pause > self.patience:
                raise RewardServerError(
                    f"the reward server at {self.url} is gone: {problem} ({attempt + 1} attempts in {waited:.0f} s). No reward of this "
                    "step is known, so the training ends here. Start the server again (sh rewards/serve.sh), then resume"
                )
            time.sleep(pause)
            attempt += 1


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another place, and the question nowhere."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None


def _whole_groups(lists):
    """The places of the completions, cut into requests that are not too large; all completions of a row are in the same one."""
    groups = {}
    for i, row in enumerate(lists["ids"]):
        groups.setdefault(row, []).append(i)
    requests, size = [[]], 0
    for places in groups.values():
        weight = sum(len(json.dumps(values[i])) + 2 for values in lists.values() for i in places)
        if requests[-1] and size + weight > LARGEST_REQUEST:
            requests.append([])
            size = 0
        requests[-1] += places
        size += weight
    # In the order of the completions, which is also that of the answer.
    return [sorted(places) for places in requests]


def _joined(name, values):
    """A metric of several requests: counts add up, means are weighted by their completions."""
    if name.endswith(("/nulls", "/errors")):
        return sum(value for value, _ in values)
    return sum(value * count for value, count in values) / max(1, sum(count for _, count in values))


def _json_object(data, url):
    try:
        answer = json.loads(data)
    except ValueError:
        raise RewardServerError(f"{url} answered with something that is no JSON: {_short(data[:200])}") from None
    if not isinstance(answer, dict):
        raise RewardServerError(f"{url} answered with {_short(answer)}, which is no object")
    return answer


def _problem(error):
    """What a refusal says, in the server's own words where it has them."""
    data = error.read(2000)
    try:
        return json.loads(data)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return _short(data.decode(errors="replace")) or error.reason


def _seconds(name, value, default):
    text = os.environ.get(name) if value is None else value
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise RewardServerError(f"{name} must be a number of seconds above 0, got '{text}'")
    return seconds


def _short(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else f"{text[:300]}..."
