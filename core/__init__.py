"""PolicyTwin's engine: everything the dashboard and the command line share, without a UI.

    study  ──► population ─┐                                           core.study, core.people
      │        policy    ──┴─► contexts                                core.policy, core.simulation
      │                            │ what a person can know on a day
      │                            ▼
      │                        responses      persona × context × behaviour: a probability
      │                            │                                   core.cognition (rules, or a language model)
      │                            ▼
      │                        activity       weighted mean of people  core.simulation
      │                            │
      │                            ▼
      └──► observations ──► calibrated activity ──► metric             core.calibration, core.simulation
                                   │
                                   ▼
                               forecast ──► score                      core.forecasting, core.validity
                                   │        against baselines, on days that were held out
                                   ▼
                            counterfactual                             core.counterfactual
                                   │        other policies or people, the same calibration
                                   ▼
                      result ──► document, JSON, store                 core.services, core.report, core.store

Everything imports downwards only (`lint-imports`); CONTRIBUTING.md says where what is added goes.
"""

__version__ = "0.1.0"
