"""Tables of bench/run.py: of one report, and of two compared."""

import figures

KNOWN = ["boot", "disk", "integer", "programs", "scalar-fp", "neon-fp", "neon-int", "crypto", "memory", "chase",
         "tlb-miss", "os", "code", "smp"]


def duration(ns):
    """As a person would write it; three digits."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def times(x):
    """A ratio, with two digits behind the point at most."""
    return "" if x is None else f"{x:.2f}" if x < 100 else f"{x:.0f}"


def table(head, rows):
    """A table of Markdown whose columns also line up on a terminal."""
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    rule = [("-" * w) if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)]

    def line(cells):
        return "| " + " | ".join(c.ljust(w) if i == 0 else c.rjust(w)
                                 for i, (c, w) in enumerate(zip(cells, widths))) + " |"
    return "\n".join([line(head), line(rule), *(line(r) for r in rows)])


def place(c):
    return KNOWN.index(c) if c in KNOWN else len(KNOWN)


def benchmarks(report):
    """A row for each benchmark: times of an iteration, and ratios."""
    names = [s for s in report["setups"]]
    head = ["one iteration", *names, "ratio", "lowest", "highest", "of CPU", "QEMU/native", "quince/native"]
    rows = []
    for name in sorted(report["figures"], key=lambda n: (place(figures.class_of(n)), n)):
        f = report["figures"][name]
        cells = [duration(f["ns"][s]) if s in f["ns"] else "" for s in names]
        rows.append([name, *cells, *(times(f.get(k)) for k in (
            "ratio", "ratio_min", "ratio_max", "cpu_ratio", "best_behind_native", "behind_native"))])
    return table(head, rows)


def class_table(report):
    """A row for each class: geometric means, and the benchmark that is worst."""
    head = ["class", "benchmarks", "ratio", "of CPU", "target", "worst", "of", "QEMU/native", "quince/native"]
    rows = []
    for c in sorted(report["classes"], key=place):
        r = report["classes"][c]
        rows.append([c, str(r["benchmarks"]), times(r.get("ratio")), times(r.get("cpu_ratio")), times(r.get("target")),
                     times(r.get("worst_ratio")), r.get("worst", "").split("/")[-1],
                     times(r.get("best_behind_native")), times(r.get("behind_native"))])
    return table(head, rows)


def scaling_table(report):
    head = ["two vCPUs over one", *report["setups"], "target"]
    rows = []
    for name in sorted(report["scaling"]):
        by = report["scaling"][name]
        rows.append([name, *(times(by.get(s)) for s in report["setups"]),
                     times(figures.SCALING_TARGETS.get(name))])
    return table(head, rows)


def show(report):
    """All tables of a report that have rows."""
    e = report["environment"]
    parts = [f"revision {e['revision']}, {e['date']}, {e['host_cpus']} x {e['host_cpu']}, load {e['load']:.1f}; "
             f"{report['kernel']}; medians of {report['pairs']} pairs; ratio: quince's speed over the better "
             "QEMU's of each benchmark"]
    if report["figures"]:
        parts += [benchmarks(report), class_table(report)]
    if report.get("scaling"):
        parts.append(scaling_table(report))
    cold = report["figures"].get("code/cold")
    if cold:
        parts.append("an instruction that runs once, ns: " + ", ".join(
            f"{s} {ns / figures.COLD_FUNCTION:.3g}" for s, ns in cold["ns"].items()))
    if report.get("rss_mib"):
        parts.append("resident at most, MiB, in the boot: " + ", ".join(
            f"{s} {m:.0f}" for s, m in report["rss_mib"].items()))
    if report.get("skipped"):
        parts.append("\n".join(f"skipped: {name} on {', '.join(who)}: {why}"
                               for name, (why, who) in sorted(report["skipped"].items())))
    return "\n\n".join(parts)


def compared(old, new):
    """Quince in two reports: each benchmark, and the geometric mean of each class."""
    changes = figures.changes(old, new)
    if not changes:
        return "no benchmark is in both"
    rows = [[name, duration(a), duration(b), times(r)] for name, a, b, r in changes]
    by_class = {}
    for name, _, _, r in changes:
        by_class.setdefault(figures.class_of(name), []).append(r)
    means = [[c, str(len(v)), times(figures.geometric_mean(v)), times(min(v)), times(max(v))]
             for c, v in sorted(by_class.items(), key=lambda item: place(item[0]))]
    first, second = (r["environment"]["revision"] for r in (old, new))
    note = ""
    if old["environment"]["host_cpu"] != new["environment"]["host_cpu"]:
        note = "the two were measured on different CPUs\n\n"
    return (note + table(["quince", first, second, "times faster"], rows) + "\n\n" +
            table(["class", "benchmarks", "times faster", "lowest", "highest"], means))
