//! The voice's loudness: one gain for all it says, no sample beyond full scale, no click at an edge.
//!
//! The gain is fixed, since a gain that follows each clause would pump.

/// The voice speaks at about -27 dBFS RMS; this brings it to about -20.
const GAIN: f32 = 1.8;

/// Up to here samples pass unchanged; beyond, they approach [`CEILING`].
const KNEE: f32 = 0.5;

/// -3 dBFS.
const CEILING: f32 = 0.708;

/// Length of the rise and of the fall at a clause's edges, in samples at 24 kHz: 5 ms.
const EDGE: usize = 120;

/// Brings a clause to its level.
pub(super) fn level(samples: &mut [f32]) {
    let room = CEILING - KNEE;
    for sample in samples.iter_mut() {
        let loud = *sample * GAIN;
        let size = loud.abs();
        *sample = if size <= KNEE {
            loud
        } else {
            (KNEE + room * ((size - KNEE) / room).tanh()).copysign(loud)
        };
    }
    let edge = EDGE.min(samples.len() / 2);
    let length = samples.len();
    for n in 0..edge {
        let rise = n as f32 / edge as f32;
        samples[n] *= rise;
        samples[length - 1 - n] *= rise;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sample_passes_the_ceiling_and_the_edges_are_silent() {
        let mut samples: Vec<f32> = (0..2400).map(|n| (n as f32 * 0.1).sin()).collect();
        level(&mut samples);
        assert!(samples.iter().all(|sample| sample.abs() <= CEILING));
        assert_eq!((samples[0], samples[2399]), (0.0, 0.0));
        let mut quiet = vec![0.1; 1000];
        level(&mut quiet);
        assert_eq!(quiet[500], 0.1 * GAIN);
        level(&mut []);
    }
}
