/**
 * For tests: HORME_FAULT_KILL_AT=3 kills this process with SIGKILL at the third boundary between steps, the way a power
 * cut would. The tests walk through all boundaries and show that the next deploy converges from each.
 */
export function killPoint(variables: Record<string, string | undefined>): () => void {
  const at = Number(variables.HORME_FAULT_KILL_AT ?? 0);
  let passed = 0;
  return () => {
    passed += 1;
    if (passed === at) process.kill(process.pid, 'SIGKILL');
  };
}
