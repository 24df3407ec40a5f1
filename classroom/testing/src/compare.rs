//! Output compared with a snapshot. What differs from run to run or from system to system is left out of
//! both: times, ports, and the system's text of an error.

use anyhow::Result;
use regex::Regex;
use snapbox::{Assert, Redactions};

/// How the output of the stage called `name` is compared. `SNAPSHOTS=overwrite` writes snapshots anew.
pub fn compare(name: &'static str) -> Result<Assert> {
    let mut redactions = Redactions::new();
    redactions.insert("[STAGE]", name)?;
    redactions.insert("[TIME]", Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")?)?;
    let date = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT";
    redactions.insert("[DATE]", Regex::new(date)?)?;
    redactions.insert("[MICROSECONDS]", Regex::new(r"(?<redacted>\d+) µs")?)?;
    redactions.insert("[PORT]", Regex::new(r"127\.0\.0\.1:(?<redacted>\d\d+)")?)?;
    redactions.insert("[REASON]", Regex::new(r"[A-Z가-힣][\w ,./()]+ \(os error \d+\)")?)?;
    redactions.insert("[REASON]", Regex::new(r"failed to lookup address information: .+")?)?;
    let assert = Assert::new().action_env("SNAPSHOTS").redact_with(redactions);
    // A backslash is a backslash here, not a part of a path on Windows.
    Ok(assert.normalize_paths(false))
}
