"""The results as a table, a summary and a verdict. A row is what peers_compare printed, with a name."""
import math

ENGINES = {"ort": "ONNX Runtime", "onednn": "oneDNN", "torch": "PyTorch", "rtneural": "RTNeural", "seqc": "seqc", "lim": "limit"}
RIVALS = ("ort", "onednn")  # the peers that ratios are taken against


def microseconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def header(results):
    columns = ["model", "threads", *ENGINES.values(), "best peer/seqc", "limit/seqc", "note"]
    return (f"{results['machine']}, {results['date']}. Microseconds a run, median / min; all engines of a row run in turns in one "
            f"process.\nRatios are medians of the rounds' ratios, their quartiles in brackets; the best peer is the better of "
            f"ONNX Runtime and oneDNN.\nOutputs agree with ONNX Runtime's within {results['atol']:g} + {results['rtol']:g}*|y|.\n\n"
            f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")


def time_of(row, engine, key="median_us"):
    return row.get("engines", {}).get(engine, {}).get(key)


def best_rival(row):
    measured = [engine for engine in RIVALS if time_of(row, engine) and "ratios" in row]
    return min(measured, key=lambda engine: row["ratios"][engine]["median"], default=None)


def best_ratio(row):
    rival = best_rival(row)
    return row["ratios"][rival]["median"] if rival else None


def ratio_to(row, engine):
    return row.get("ratios", {}).get(engine, {}).get("median")


def fastest_ratio(row, engine):
    """Of the fastest turns: the machine's noise only makes turns longer."""
    times = [time_of(row, name, "min_us") for name in (engine, "seqc")]
    return times[0] / times[1] if all(times) else None


def share(row):
    """Of the machine's limit: 1 would be the limit itself."""
    return ratio_to(row, "lim")


def note(row):
    if "problem" in row:
        return row["problem"].replace("|", "/")
    lim = time_of(row, "lim")
    beaten = [name for engine, name in ENGINES.items() if lim and engine != "lim" and (time_of(row, engine) or lim) < 0.98 * lim]
    notes = ["limit beaten by " + ", ".join(beaten)] if beaten else []
    if row.get("disturbed", 0) > 0.05:
        notes.append(f"{row['disturbed']:.0%} of the turns disturbed")
    return "; ".join(notes)


def line(row):
    def cell(engine):
        median = time_of(row, engine)
        return f"{microseconds(median)} / {microseconds(time_of(row, engine, 'min_us'))}" if median else "-"

    def ratio(engine):
        found = row.get("ratios", {}).get(engine)
        return f"**{found['median']:.2f}** ({found['q1']:.2f}-{found['q3']:.2f})" if found else "-"

    cells = [row["model"], str(row["threads"]), *map(cell, ENGINES), ratio(best_rival(row)), ratio("lim"), note(row)]
    return f"| {' | '.join(cells)} |"


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def family(row):
    """What a row counts to: whole models, and other numbers than the peers', stand apart."""
    if row["kind"] == "model":
        return "models"
    return "compressed weights" if row.get("config", {}).get("compressed") else "all cells"


def summary(rows):
    """Geometric means of all ratios, by threads and by kind of cell."""
    lines = ["| rows | threads | count | " + " | ".join(f"{name}/seqc" for name in ENGINES.values() if name != "seqc") +
             " | best peer/seqc | worst |", "|---|---|---|" + "---|" * (len(ENGINES) + 1)]
    groups = {}
    for row in rows:
        if best_ratio(row):
            groups.setdefault((family(row), row["threads"]), []).append(row)
            if row["kind"] != "model":
                groups.setdefault((row["kind"], row["threads"]), []).append(row)
    for (name, threads), group in groups.items():
        means = []
        for engine in ENGINES:
            found = [r for r in (ratio_to(row, engine) for row in group) if r]
            if engine != "seqc":
                means.append(f"{geometric_mean(found):.2f}" if found else "-")
        worst = min(group, key=best_ratio)
        lines.append(f"| {name} | {threads} | {len(group)} | {' | '.join(means)} | "
                     f"{geometric_mean(map(best_ratio, group)):.2f} | {best_ratio(worst):.2f} {worst['model']} |")
    return "\n".join(lines) + "\n"
