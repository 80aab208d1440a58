//! What `/proc` tells of a process.

use std::fs;
use std::time::Duration;

use crate::memory::field;

/// The kernel counts a process's time in hundredths of a second, whatever it counts in otherwise (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Resident now, and at most so far.
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
    [11, 12].iter().map(|&field| TICK * fields[field].parse::<u32>().unwrap()).sum()
}
