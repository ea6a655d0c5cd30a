//! The part of `web-time` 1 that `rustls-pki-types` uses, over one import. The original reaches JavaScript by
//! wasm-bindgen, whose glue this module does without.
use std::time::Duration;

#[link(wasm_import_module = "env")]
extern "C" {
    /// Seconds since 1970.
    fn now() -> f64;
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct SystemTime(Duration);

#[derive(Debug, Clone)]
pub struct SystemTimeError;

impl SystemTime {
    pub const UNIX_EPOCH: SystemTime = SystemTime(Duration::ZERO);

    pub fn now() -> Self {
        // SAFETY: it takes nothing and gives a number. One that is no time is the time 0, for which no certificate is valid.
        SystemTime(Duration::try_from_secs_f64(unsafe { now() }).unwrap_or(Duration::ZERO))
    }

    pub fn duration_since(&self, earlier: SystemTime) -> Result<Duration, SystemTimeError> {
        self.0.checked_sub(earlier.0).ok_or(SystemTimeError)
    }
}
