"""What the comparison is to show: each goal is a sentence, the rows it speaks of, and the figure that they must reach."""
import report

# Rows whose weights stream from beyond the caches need only come close to the best peer.
NEARLY = 0.97


def select(rows, **wanted):
    """Rows of the grid whose configuration has these values; those of compressed weights only where they are asked for."""
    wanted.setdefault("compressed", "")

    def fits(row):
        config = row.get("config")
        return config and all(config[key] in (value if isinstance(value, tuple) else (value,)) for key, value in wanted.items())

    return [row for row in rows if fits(row)]


class Verdict:
    def __init__(self):
        self.lines, self.met = ["| goal | met | worst or mean | rows |", "|---|---|---|---|"], True

    def add(self, goal, passed, figure, count):
        word = "no rows" if not count else "yes" if passed else "**no**"
        self.met &= passed or not count
        self.lines.append(f"| {goal} | {word} | {figure if count else '-'} | {count} |")

    def at_least(self, goal, rows, figure, limit):
        """Every row's figure reaches limit, a number or a function of the row."""
        limit_of = limit if callable(limit) else lambda row: limit
        found = [(figure(row) / limit_of(row), row) for row in rows if figure(row)]
        worst = min(found, default=(0, None), key=lambda pair: pair[0])
        missed = sum(1 for quotient, _ in found if quotient < 1)
        text = f"{figure(worst[1]):.2f} {worst[1]['model']} ({worst[1]['threads']})" if found else ""
        self.add(goal, not missed, text + (f", {missed} missed" if missed else ""), len(found))

    def mean(self, goal, rows, figure, limit):
        found = [figure(row) for row in rows if figure(row)]
        mean = report.geometric_mean(found)
        self.add(goal, bool(found) and mean >= limit, f"{mean:.2f}", len(found))


def is_large(row):
    return row["config"]["hidden"] == 1024


def at_threads(rows, threads):
    return [row for row in rows if row["threads"] == threads]


def lstm_like(row, rows):
    """The LSTM's row of the same sizes and threads, or None."""
    same = {key: row["config"][key] for key in ("hidden", "inputs", "batch", "steps", "layers", "directions", "streaming",
                                                "ragged", "dynamic")}
    found = at_threads(select(rows, cell="LSTM", peephole=False, clip=0, **same), row["threads"])
    return found[0] if found else None


def near_limit(verdict, rows):
    """Goal 1: one row of a batch."""
    single = [row for row in select(rows, batch=1) if row["config"]["hidden"] >= 64]
    verdict.at_least("1: N=1, one thread: 0.90 of the limit (0.87 at H=128)", at_threads(single, 1), report.share,
                     lambda row: 0.87 if row["config"]["hidden"] == 128 else 0.90)
    verdict.at_least("1: N=1, two threads: 0.80 of the limit", at_threads(single, 2), report.share, 0.80)
    others = [row for row in single if row["config"]["cell"] != "LSTM" or row["config"]["peephole"] or row["config"]["clip"]]
    compared = [row for row in others if lstm_like(row, rows) and report.share(lstm_like(row, rows))]
    verdict.at_least("1: every cell within 5 % of LSTM's share", compared,
                     lambda row: report.share(row) and report.share(row) / report.share(lstm_like(row, rows)), 0.95)


def ahead_of_peers(verdict, rows):
    """Goal 2."""
    operators = select(rows, cell=("LSTM", "GRU", "RNN"))
    for threads, limit in ((1, 1.6), (2, 1.9)):
        verdict.mean(f"2: mean over the operators' grid, {threads} threads: {limit} times the best peer",
                     at_threads(operators, threads), report.best_ratio, limit)
    verdict.at_least(f"2: no row below the best peer ({NEARLY} at H=1024)", select(rows), report.best_ratio,
                     lambda row: NEARLY if is_large(row) else 1.0)


def streaming(verdict, rows):
    """Goal 3."""
    small = at_threads(select(rows, cell="LSTM", streaming=True, hidden=16), 1)
    verdict.at_least("3: streaming H=16: 70 times ONNX Runtime", small, lambda row: report.ratio_to(row, "ort"), 70)
    verdict.at_least("3: streaming H=16: 1.3 times RTNeural", small, lambda row: report.ratio_to(row, "rtneural"), 1.3)


def batches(verdict, rows):
    """Goal 4. Many rows are bound by multiply-adds: there the limit is their peak."""
    many = [row for row in at_threads(select(rows, ragged=False), 1) if row["config"]["batch"] >= 16]
    verdict.at_least("4: N>=16, one thread: 0.88 of the multiply-adds' peak", many, report.share, 0.88)
    verdict.at_least("4: ragged: 1.9 times ONNX Runtime", select(rows, ragged=True),
                     lambda row: report.ratio_to(row, "ort"), 1.9)


def compressed(verdict, rows):
    """Goal 5. Their outputs are held against a tolerance when they are measured."""
    for kind, limit in (("bf16", 1.7), ("f16", 1.55), ("int8", 2.2), ("int8+int8", 2.2)):
        verdict.at_least(f"5: {kind}: {limit} times ONNX Runtime in f32", at_threads(select(rows, compressed=kind), 1),
                         lambda row: report.ratio_to(row, "ort"), limit)


def user_cells(verdict, rows):
    """Goal 6."""
    cells = [row for row in select(rows, hidden=64, batch=1) if row["config"]["cell"] not in ("LSTM", "GRU", "RNN", "lnlstm")]
    verdict.at_least("6: a user's cells, H=64: 20 times ONNX Runtime's Scan", cells, lambda row: report.ratio_to(row, "ort"), 20)


def whole_models(verdict, rows):
    """Goal 7."""
    models = [row for row in rows if row["kind"] == "model" and row["threads"] == 1]
    verdict.mean("7: whole models: mean 1.8 times ONNX Runtime", models, lambda row: report.ratio_to(row, "ort"), 1.8)
    verdict.at_least("7: no whole model below ONNX Runtime", models, lambda row: report.ratio_to(row, "ort"), 1.0)


def check(rows):
    """(a table of all goals, whether those are met that have rows)."""
    verdict = Verdict()
    for goal in (near_limit, ahead_of_peers, streaming, batches, compressed, user_cells, whole_models):
        goal(verdict, rows)
    return "\n".join(verdict.lines) + "\n", verdict.met


def against(rows, earlier, tolerance=0.15):
    """Which ratios differ from an earlier run's by more than `tolerance`: (text, whether none does).

    Those of the rounds' medians, and those of the fastest turns, which change when an engine does and not when the machine does.
    """
    before = {(row["model"], row["threads"]): row for row in earlier}
    text, same = "", True
    for what, ratio_of in (("ratios", report.ratio_to), ("ratios of the fastest turns", report.fastest_ratio)):
        lines, count = [], 0
        for row in rows:
            old = before.get((row["model"], row["threads"]), {})
            for engine in row.get("ratios", {}):
                now, then = ratio_of(row, engine), ratio_of(old, engine)
                count += bool(then)
                if then and not 1 / (1 + tolerance) <= now / then <= 1 + tolerance:
                    lines.append(f"  {row['model']} ({row['threads']}) {report.ENGINES[engine]}/seqc: {then:.2f}, now {now:.2f}")
        text += f"{count - len(lines)} of {count} {what} agree with the earlier run's within {tolerance:.0%}"
        text += "\n".join([", but not:" if lines else ".", *lines]) + "\n"
        same = same and bool(count) and not lines
    return text, same
