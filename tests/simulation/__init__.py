"""A whole fleet in one thread: the unchanged core against simulated providers, in virtual time.

Everything that could differ between two runs comes from one seed: time, chance, providers, clients,
stores and crashes. So whatever is found can be seen again.

    python -m tests.simulation --schedules 20000 --json figures.json    run many (1-2 minutes)
    python -m tests.simulation --replay 4711                            show one
    python -m tests.simulation --planted                                look for every planted bug

    clock.py       virtual time and its events
    scene.py       the providers there are, their keys, two models
    plan.py        what happens in one schedule, drawn from its seed
    faults.py      what can go wrong with a submit, and what follows from it by the specification
    wire.py        replies in the two wire formats
    network.py     what becomes of each request on its way
    provider.py    a simulated provider: jobs, queue, rate limit, bill
    process.py     a simulated process: the real runtime over a store that can fail
    sdk.py         what the clients above do with an answer
    flight.py      one request on its way through a flow
    world.py       runs one schedule
    invariants.py  the table of what must hold; watch_*.py check it
    runner.py      many schedules, and the JSON about them
    planting.py    puts a bug in for a while, and looks for it
    planted.py     the bugs, each of which must be found
"""
