"""What a crash leaves of the services and of writers: kill -9 and power loss, judged by what had been told.

recorder.c, recording.py    a program under LD_PRELOAD, and all that it asked of the disk, in order
disk.py                     what a power loss may leave of that, at any point
producers.py, told.py       a program: a log service with its producers, which says what it asks and what it is told
found.py, validators.py, service_judge.py       what is left of the service, and what must hold then
hands.py, hands_judge.py    another: a record service with hands that change records
writers.py, site.py, writers_judge.py           another: LogWriters with spools, and the service that they reach
stages.py                   the three, as they are crashed
killing.py, power_loss.py, rounds.py, cli.py, main.py       `make crash`
"""
