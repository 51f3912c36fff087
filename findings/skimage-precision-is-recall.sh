#!/usr/bin/env bash
# Packages: scikit-image 0.26.0, numpy 2.4.6, SciPy 1.17.1
# One would swear: of the three numbers of `adapted_rand_error` the second is the precision and the
#   third the recall, as its page says: pairs that share a segment in both images, divided by the
#   pairs of the test image, and by those of the true one.
# What happens: the two are exchanged. True segments cut into halves have a precision of 0.49 and a
#   recall of 1; by the page's own words it is 1 and 0.49. `alpha`, which weighs the two, is turned
#   over too: what should count precision alone counts recall alone. At its default of one half the
#   error does not show it.
# Why it matters here: the two numbers tell whether a segmentation of objects cuts too finely or
#   merges: who tunes by them turns the knob the wrong way.
# Seen: 2026-11-30, CPython 3.11, Linux x86-64
set -euo pipefail

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check \
  scikit-image==0.26.0 numpy==2.4.6 scipy==1.17.1
cd "$room"
"$room/venv/bin/python" - <<'PY'
import numpy as np
from skimage.metrics import adapted_rand_error


def by_the_page(true, test):
    """Precision and recall by the definition: all pairs of pixels, one by one."""
    true, test = true.ravel(), test.ravel()
    first, second = np.triu_indices(true.size, k=1)
    in_true, in_test = true[first] == true[second], test[first] == test[second]
    both = np.sum(in_true & in_test)
    return float(both / in_test.sum()), float(both / in_true.sum())


wholes = np.repeat([1, 2], 50).reshape(10, 10)
halves = np.repeat([1, 2, 3, 4], 25).reshape(10, 10)
held = True
for name, true, test in (("too fine", wholes, halves), ("merged", halves, wholes)):
    precision, recall = by_the_page(true, test)
    _, first, second = adapted_rand_error(true, test)
    only = [1 - adapted_rand_error(true, test, alpha=alpha)[0] for alpha in (1.0, 0.0)]
    print(f"Expected: {name}: precision {precision:.3f}, recall {recall:.3f}")
    print(f"Seen: {name}: precision {first:.3f}, recall {second:.3f}")
    print(f"Seen: {name}: 1 - error with alpha 1 {only[0]:.3f}, with alpha 0 {only[1]:.3f}")
    held &= abs(precision - recall) > 0.5
    held &= bool(np.allclose([first, second], [recall, precision]))
    held &= bool(np.allclose(only, [first, second]))
print("The finding holds." if held else "CHANGED: the finding no longer holds.")
raise SystemExit(not held)
PY
