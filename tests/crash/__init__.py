"""Real processes killed with SIGKILL, at named points and at random: nothing lost, nothing twice."""
