/** Helper functions of the kernel by number (enum bpf_func_id, linux/bpf.h); their names without `bpf_`. */
export const HELPER = {
  map_lookup_elem: 1,
  map_update_elem: 2,
  ktime_get_ns: 5,
  trace_printk: 6,
  get_prandom_u32: 7,
  get_smp_processor_id: 8,
  tail_call: 12,
  get_current_pid_tgid: 14,
  redirect: 23,
  xdp_adjust_head: 44,
  redirect_map: 51,
  xdp_adjust_tail: 65,
  probe_read_kernel: 113,
  ktime_get_boot_ns: 125,
  ktime_get_coarse_ns: 160,
  loop: 181,
  xdp_load_bytes: 189,
} as const;
export type HelperName = keyof typeof HELPER;
