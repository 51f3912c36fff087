"""The one runner: what a stage is, whether its folder is kept or made, and what was made from what.

A stage is declared in :mod:`crossvox.flow.stage`; :class:`crossvox.flow.runner.Runner` makes it.
Everything that the stages of this package have in common is decided here and nowhere else:

* identity, and with it "kept or made" (:mod:`crossvox.flow.stage`),
* "may I write here", swapping in what is finished, recovery (:mod:`crossvox.flow.folder`),
* folders of items of one identity (:mod:`crossvox.flow.collection`), which of them a call makes
  (:mod:`crossvox.flow.choice`), what becomes of them (:mod:`crossvox.flow.items`), and where that
  stands (:mod:`crossvox.flow.state`),
* locks (:mod:`crossvox.flow.locks`), what killed processes leave
  (:mod:`crossvox.flow.leftovers`),
* back ends (:mod:`crossvox.flow.jobs`), worker processes (:mod:`crossvox.flow.worker`) and their
  memory (:mod:`crossvox.flow.memory`),
* lineage: which scenes something has learnt from (:mod:`crossvox.flow.lineage`),
* progress (:mod:`crossvox.flow.progress`) and how long things take (:mod:`crossvox.flow.rates`).
"""
