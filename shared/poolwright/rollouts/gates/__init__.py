"""What must be true of a wave's nodes before the next wave: one gate a file, asked in order by `judgement`."""
