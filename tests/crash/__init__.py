"""What a crash leaves of the log service and of its writers: kill -9 and power loss, judged by what had been told.

recorder.c, recording.py    a program under LD_PRELOAD, and all that it asked of the disk, in order
disk.py                     what a power loss may leave of that, at any point
workload.py                 the program: a real log service with producers, which says what it asks and is told
told.py                     what it said
validators.py               Complete, Ordered, Unique, Positioned, Ended, Resumable
rounds.py, cli.py, main.py  `make crash`
"""
