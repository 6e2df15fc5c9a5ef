"""What Python programs do: objects, dictionaries, strings, regular expressions, JSON, sorting, big numbers."""
import json
import re


class Body:
    def __init__(self, x, v):
        self.x, self.v = x, v

    def step(self, others):
        for o in others:
            if o is not self:
                self.v += (o.x - self.x) >> 6
        self.x += self.v


def draw(n):
    x = 12345
    for _ in range(n):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        yield x


bodies = [Body(x % 10000, x % 7) for x in draw(12)]
for _ in range(150):
    for b in bodies:
        b.step(bodies)
print([b.x for b in bodies])

words = [f"w{x % 997:03x}" for x in draw(15000)]
counts = {}
for w in words:
    counts[w] = counts.get(w, 0) + 1
print(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))[:5])

text = " ".join(words)
print(len(re.findall(r"\bw([0-9a-f])\1", text)), len(re.sub(r"[0-9]+", "#", text)))

table = [{"id": i, "name": w, "tags": [w[:2], w[2:]]} for i, w in enumerate(words[:2500])]
print(sum(row["id"] for row in json.loads(json.dumps(table)) if "1" in row["name"]))

f = 1
for i in range(1, 700):
    f *= i
print(len(str(f)), str(f)[:20])
print(sum(a * b for a, b in zip(sorted(draw(8000)), range(8000))) & 0xFFFFFFFF)
