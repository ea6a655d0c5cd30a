//! The part of `getrandom` 0.2 that `ring` uses, over one import. The original reaches JavaScript by wasm-bindgen, whose
//! glue this module does without.
#![no_std]

#[link(wasm_import_module = "env")]
extern "C" {
    /// Fills `len` bytes at `ptr` with the platform's cryptographic randomness. Traps if there is none.
    fn random(ptr: *mut u8, len: usize);
}

#[derive(Debug, Clone, Copy)]
pub struct Error;

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no randomness")
    }
}

pub fn getrandom(bytes: &mut [u8]) -> Result<(), Error> {
    // SAFETY: the slice is ours to write for as long as the call lasts.
    unsafe { random(bytes.as_mut_ptr(), bytes.len()) };
    Ok(())
}
