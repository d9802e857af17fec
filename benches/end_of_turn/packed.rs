//! Data packed by Rob Northen's packer, method 1, as games of the nineties carry it.
//!
//! Stretches of bytes as they are, and copies of what was unpacked before; how long the stretches are
//! and where the copies lie is told by three Huffman codes that each block brings along.

/// Bytes before the packed data: the mark, both lengths, two sums, two numbers.
const HEADER: usize = 18;

/// What was packed; `None` if this is not such data, or is damaged.
pub fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    if packed.get(..4)? != b"RNC\x01" {
        return None;
    }
    let length = u32::from_be_bytes(packed.get(4..8)?.try_into().ok()?) as usize;
    let blocks = *packed.get(HEADER - 1)?;
    let mut bits = Bits { bytes: packed, at: HEADER, word: 0, left: 0 };
    bits.take(2)?;
    let mut out = Vec::with_capacity(length.min(1 << 24));
    for _ in 0..blocks {
        let [plain, back, copied] =
            [Code::read(&mut bits)?, Code::read(&mut bits)?, Code::read(&mut bits)?];
        let rounds = bits.take(16)?;
        for round in 0..rounds {
            let plain = plain.value(&mut bits)?;
            out.extend_from_slice(bits.bytes(plain)?);
            if round + 1 < rounds {
                let (back, length) = (back.value(&mut bits)? + 1, copied.value(&mut bits)? + 2);
                let from = out.len().checked_sub(back)?;
                // A copy may reach into itself.
                (from..from + length).for_each(|at| out.push(out[at]));
            }
        }
    }
    (out.len() == length).then_some(out)
}

/// Bits in words of 16, lowest first, with whole bytes between the words.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Where the next word, or the next plain byte, is.
    at: usize,
    word: usize,
    left: usize,
}

impl<'a> Bits<'a> {
    /// The next 16 bits, which stay; zeros after the end.
    fn ahead(&self) -> usize {
        let byte = |at: usize| self.bytes.get(at).copied().map_or(0, usize::from);
        (self.word | (byte(self.at) | byte(self.at + 1) << 8) << self.left) & 0xFFFF
    }

    fn take(&mut self, count: usize) -> Option<usize> {
        let taken = self.ahead() & ((1 << count) - 1);
        if count <= self.left {
            self.word >>= count;
            self.left -= count;
        } else {
            let word = self.bytes.get(self.at..self.at + 2)?;
            let over = count - self.left;
            self.word = usize::from(u16::from_le_bytes([word[0], word[1]])) >> over;
            self.left = 16 - over;
            self.at += 2;
        }
        Some(taken)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.bytes.get(self.at..self.at + count)?;
        self.at += count;
        Some(bytes)
    }
}

/// A Huffman code for lengths of numbers: each code's bits (lowest first), how many, and the length.
struct Code(Vec<(usize, usize, usize)>);

impl Code {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let lengths: Option<Vec<usize>> = (0..bits.take(5)?).map(|_| bits.take(4)).collect();
        let lengths = lengths?;
        let (mut codes, mut next) = (Vec::new(), 0_u32);
        for length in 1..16 {
            for (meaning, _) in lengths.iter().enumerate().filter(|(_, own)| **own == length) {
                let code = (next >> (16 - length)).reverse_bits() >> (32 - length);
                codes.push((code as usize, length, meaning));
                next += 1 << (16 - length);
            }
        }
        Some(Code(codes))
    }

    fn value(&self, bits: &mut Bits<'_>) -> Option<usize> {
        let ahead = bits.ahead();
        let is_next =
            |&&(code, length, _): &&(usize, usize, usize)| ahead & ((1 << length) - 1) == code;
        let &(_, length, meaning) = self.0.iter().find(is_next)?;
        bits.take(length)?;
        // The number's highest bit is known by its length.
        match meaning.checked_sub(1) {
            None | Some(0) => Some(meaning),
            Some(rest) => Some(bits.take(rest)? | 1 << rest),
        }
    }
}
