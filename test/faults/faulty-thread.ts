// First: what the thread does goes through the seam.
import './seam.ts';
import '#agents/hash-worker.ts';
