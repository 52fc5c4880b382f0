//! FNV-1a in 64 bits (draft-eastlake-fnv): a short name for a long one, and no protection against forgery.

/// What a hash begins with.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// The hash of these bytes.
pub fn fnv(bytes: &[u8]) -> u64 {
    fnv_from(BASIS, bytes)
}

/// The hash of these bytes with another beginning, so that two hashes of one text are independent.
pub fn fnv_from(beginning: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(beginning, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hash_that_others_compute() {
        // Test vectors of draft-eastlake-fnv.
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
