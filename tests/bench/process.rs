//! Figures of a process and of the machine from `/proc`.

use std::fs;
use std::time::Duration;

/// The kernel counts a process's time in hundredths of a second, whatever it counts in otherwise (`USER_HZ`).
const CPU_TICK: Duration = Duration::from_millis(10);

/// Resident memory now, and its maximum so far.
pub(crate) fn memory(process: u32) -> [String; 2] {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    ["VmRSS:", "VmHWM:"].map(|name| field(&status, name))
}

/// For how long it was on a processor, in the kernel and outside.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name may have spaces and brackets in it; after it come the state, field 3, and so on.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    [11, 12].iter().map(|&field| CPU_TICK * fields[field].parse::<u32>().unwrap()).sum()
}

/// How many threads ran or waited for a processor, in the last minute, five and fifteen. Figures of a loaded machine
/// are to say so.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(", ")
}

/// A line of `/proc/PID/status` that is an amount of memory.
fn field(status: &str, name: &str) -> String {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    let kib: u64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or_default();
    format!("{} MiB", kib / 1024)
}
