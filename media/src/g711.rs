//! G.711 mu-law: one byte a sample on the wire, 16-bit samples inside.
//!
//! The tables are those of the ITU's reference code (G.191). Other encoders differ from it by one
//! step on some negative samples, never on what a byte decodes to.

/// The byte of no sound. Decoders also take `0x7F` for it; `0x00` would be a loud click.
pub const SILENCE: u8 = 0xFF;

/// What each byte decodes to.
static DECODED: [i16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = expand(byte as u8);
        byte += 1;
    }
    table
};

/// What each sample encodes to, by its upper 14 bits: the lower two are below mu-law's resolution.
static ENCODED: [u8; 1 << 14] = {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        table[index] = compress(index as i32 - (1 << 13));
        index += 1;
    }
    table
};

/// The sample that a byte stands for, at most 32124 either way.
#[inline]
#[must_use]
pub fn decode(byte: u8) -> i16 {
    DECODED[usize::from(byte)]
}

/// The byte that stands for a sample; beyond 32635 either way, that of the loudest.
#[inline]
#[must_use]
pub fn encode(sample: i16) -> u8 {
    ENCODED[((i32::from(sample) >> 2) + (1 << 13)) as usize]
}

/// Appends the samples that `bytes` stand for.
pub fn decode_into(bytes: &[u8], out: &mut Vec<i16>) {
    out.extend(bytes.iter().map(|&byte| decode(byte)));
}

/// Appends the bytes that stand for `samples`.
pub fn encode_into(samples: &[i16], out: &mut Vec<u8>) {
    out.extend(samples.iter().map(|&sample| encode(sample)));
}

/// The samples that `bytes` stand for.
#[must_use]
pub fn decode_all(bytes: &[u8]) -> Vec<i16> {
    bytes.iter().map(|&byte| decode(byte)).collect()
}

/// The bytes that stand for `samples`.
#[must_use]
pub fn encode_all(samples: &[i16]) -> Vec<u8> {
    samples.iter().map(|&sample| encode(sample)).collect()
}

const fn expand(byte: u8) -> i16 {
    // All bits travel inverted: sign, three bits of segment, four of step.
    let bits = !byte as i32;
    let magnitude = ((((bits & 0x0F) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84;
    (if bits & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

const fn compress(sample: i32) -> u8 {
    // The reference takes the one's complement of a negative sample, so -1 is as near 0 as 0 is.
    let magnitude = if sample < 0 { !sample } else { sample } + 33;
    let magnitude = if magnitude > 0x1FFF { 0x1FFF } else { magnitude };
    let segment = 26 - magnitude.leading_zeros() as i32;
    let step = (magnitude >> (segment + 1)) & 0x0F;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | segment << 4 | step) as u8
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use proptest::prelude::*;

    use super::*;

    fn sha256(bytes: &[u8]) -> String {
        digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_whole_decoding_table_is_the_standard_one() {
        let table: Vec<u8> = (0..=255).flat_map(|byte| decode(byte).to_le_bytes()).collect();
        let expected = "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827";
        assert_eq!(sha256(&table), expected);
    }

    #[test]
    fn the_whole_encoding_table_is_that_of_g191() {
        let table: Vec<u8> = (i16::MIN..=i16::MAX).map(encode).collect();
        let expected = "90c29de505fb68e766118303bd552a16005dcf810873698bee1d8f3b247ce28c";
        assert_eq!(sha256(&table), expected);
    }

    #[test]
    fn a_known_sequence_encodes_and_decodes() {
        let samples = [0, 1000, -1000, 4096, 8192, -8192, 16384, -16384, 32124, -32124];
        let bytes = encode_all(&samples);
        assert_eq!(bytes, [0xFF, 0xCE, 0x4E, 0xAF, 0x9F, 0x1F, 0x8F, 0x0F, 0x80, 0x00]);
        let decoded = [0, 988, -988, 4092, 8316, -8316, 16764, -16764, 32124, -32124];
        assert_eq!(decode_all(&bytes), decoded);
    }

    #[test]
    fn every_byte_survives_but_the_second_zero() {
        for byte in 0..=255 {
            let expected = if byte == 0x7F { SILENCE } else { byte };
            assert_eq!(encode(decode(byte)), expected, "{byte:#04x}");
        }
        assert_eq!(decode(SILENCE), 0);
    }

    proptest! {
        /// Half a step: the segments' steps are 8 to 1024 wide, some 3 % of the sample.
        #[test]
        fn a_sample_moves_by_no_more_than_half_a_step(sample in -32_000i16..=32_000) {
            let error = (i32::from(decode(encode(sample))) - i32::from(sample)).abs();
            prop_assert!(error <= 4 + i32::from(sample).abs() / 30, "{sample} moved by {error}");
        }
    }
}
