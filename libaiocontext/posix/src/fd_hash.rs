//! A hash for descriptors.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps by descriptor.
pub(crate) type FdHash = BuildHasherDefault<FdHasher>;

/// Spreads descriptors, which are small numbers that the kernel chooses: nobody picks them to
/// collide.
#[derive(Default)]
pub(crate) struct FdHasher(u64);

impl Hasher for FdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_i32(i32::from(byte));
        }
    }

    #[inline]
    fn write_i32(&mut self, number: i32) {
        // Only for speed. The golden ratio: the map takes a bucket from the lower bits and a tag
        // from the upper.
        let mixed = (self.0 ^ u64::from(number as u32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
