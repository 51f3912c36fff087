#!/usr/bin/env bash
# Packages: pingouin 0.7.0, SciPy 1.17.1, pandas 3.1.1, numpy 2.4.6
# One would swear: the paired t test of two columns and the t test of their differences against 0,
#   which are one test with one p-value, have one power too.
# What happens: the "achieved power" of `ttest(x, y, paired=True)` is that of an effect measured by
#   the spread of the columns, not of the differences. Where pairs are alike it is far too low: two
#   methods on 15 rooms, p = 0.002, have a power of 0.08; the differences alone, 0.94, and of 2000
#   repeats of such a study 95 % find the difference. T and p are right.
# Why it matters here: methods are compared room by room because rooms differ more than methods.
#   Planned by the effect that stands beside it, the study needs 358 rooms instead of 11.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  pingouin==0.7.0 scipy==1.17.1 pandas==3.1.1 numpy==2.4.6
cd "$room"
MPLCONFIGDIR="$room" "$room/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import pingouin
from scipy import stats

ROOMS, REPEATS = 15, 2000
random = np.random.default_rng(0)
rooms = random.normal(0.6, 0.05, ROOMS)
gains = random.normal(0, 0.01, ROOMS)
gains += 0.007 - gains.mean()


def row(first, second, **how):
    """T, p-value and power, and how many rooms its effect asks for."""
    found = pingouin.ttest(first, second, **how).iloc[0]
    needed = pingouin.power_ttest(d=float(found["cohen_d"]), power=0.8, contrast="paired")
    return float(found["T"]), float(found["p_val"]), float(found["power"]), float(np.ceil(needed))


draws = random.normal(gains.mean(), gains.std(ddof=1), (REPEATS, ROOMS))
repeated = float((stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean())
single = row(gains, 0.0)
powers, asked, held = [], [], True
for spread in (0.2, 1.0, 5.0):
    base = 0.6 + spread * (rooms - 0.6)
    both = row(base + gains, base, paired=True)
    print(f"Expected: rooms {0.05 * spread:.2f} apart: as for the differences alone")
    print("Seen: pairs: T {:.3f}, p {:.4f}, power {:.3f}; {:.0f} rooms for 0.8".format(*both))
    powers.append(both[2])
    asked.append(both[3])
    held &= np.allclose(both[:2], single[:2])
print("Seen: differences: T {:.3f}, p {:.4f}, power {:.3f}; {:.0f} rooms".format(*single))
print(f"Seen: {REPEATS} repeats of the study: {repeated:.1%} find it")
held &= abs(single[2] - repeated) < 0.04 and single[2] > 0.6
held &= powers[0] > powers[1] > powers[2] and powers[1] < 0.1
held &= single[3] < 20 and asked[1] > 300
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
