# Who this desktop is for, as the agent was told. CARREL_USER is set in programs started from now on.
[ -r /run/carrel-agent/user.env ] && . /run/carrel-agent/user.env
