//! Audio sent more quietly than it was made.

use media::g711;

/// A change of level.
pub(super) struct Gain(Box<[u8; 256]>);

impl Gain {
    /// A change by so many dB; `None` for no change.
    pub fn of(db: i32) -> Option<Self> {
        if db == 0 {
            return None;
        }
        let factor = 10_f32.powf(db as f32 / 20.0);
        let mut table = Box::new([0; 256]);
        for (byte, changed) in (0..=u8::MAX).zip(table.iter_mut()) {
            *changed = g711::encode((f32::from(g711::decode(byte)) * factor) as i16);
        }
        Some(Gain(table))
    }

    /// These mu-law samples at the changed level.
    pub fn of_all(&self, mulaw: &[u8]) -> Vec<u8> {
        mulaw.iter().map(|byte| self.0[usize::from(*byte)]).collect()
    }
}
