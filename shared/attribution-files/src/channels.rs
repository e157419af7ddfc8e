//! The names of channels, numbered in the order in which they are first met.

use attribution::{Channel, MAX_CHANNELS};
use rustc_hash::FxHashMap;

#[derive(Clone, Debug)]
pub struct Channels {
    names: Vec<String>,
    numbers: FxHashMap<Vec<u8>, Channel>,
    /// Short names that were met last, where [`Short::slot`] says.
    met: Box<[(Short, Channel); SLOTS]>,
}

const SLOTS: usize = 1 << 10;

/// No name is of length 0.
const NOTHING_MET: (Short, Channel) = (Short(0, 0, 0), 0);

impl Channels {
    /// By number.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// All numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Channel> + use<> {
        0..u16::try_from(self.names.len()).unwrap_or(Channel::MAX)
    }

    /// Numbers them in the order of their names: channel `c` becomes what the answer says at `c`.
    pub(crate) fn sort(&mut self) -> Vec<Channel> {
        let mut sorted: Vec<Channel> = self.numbers().collect();
        sorted.sort_by(|one, other| self.names[usize::from(*one)].cmp(&self.names[usize::from(*other)]));
        let mut numbers = vec![0; sorted.len()];
        for (number, channel) in (0..).zip(&sorted) {
            numbers[usize::from(*channel)] = number;
        }
        self.names.sort();
        self.numbers.values_mut().for_each(|number| *number = numbers[usize::from(*number)]);
        self.met.iter_mut().for_each(|met| *met = NOTHING_MET);
        numbers
    }

    /// The number of a name that was met lately.
    #[inline]
    pub(crate) fn met(&self, name: &[u8]) -> Option<Channel> {
        let short = Short::of(name)?;
        let (met, number) = self.met[short.slot()];
        (met == short).then_some(number)
    }

    /// The number of a name, with what blanks stand around it left out.
    #[cold]
    pub(crate) fn number(&mut self, name: &[u8]) -> Result<Channel, String> {
        let name = name.trim_ascii();
        let number = self.number_of(name)?;
        if let Some(short) = Short::of(name) {
            self.met[short.slot()] = (short, number);
        }
        Ok(number)
    }

    fn number_of(&mut self, name: &[u8]) -> Result<Channel, String> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        if name.is_empty() {
            return Err("has a channel without a name".to_owned());
        }
        let text =
            std::str::from_utf8(name).map_err(|_| "has a channel whose name is not UTF-8".to_owned())?;
        let number =
            u16::try_from(self.names.len()).ok().filter(|number| usize::from(*number) < MAX_CHANNELS);
        let number = number.ok_or_else(|| format!("has more than {MAX_CHANNELS} different channels"))?;
        self.names.push(text.to_owned());
        self.numbers.insert(name.to_vec(), number);
        Ok(number)
    }
}

impl Default for Channels {
    fn default() -> Self {
        Self { names: Vec::new(), numbers: FxHashMap::default(), met: Box::new([NOTHING_MET; SLOTS]) }
    }
}

/// A name of at most 16 bytes as two words that overlap, and its length. Most names are so short, and their bytes need
/// not be looked at one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Short(u64, u64, usize);

impl Short {
    #[inline]
    fn slot(self) -> usize {
        let mixed = (self.0 ^ self.1.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize % SLOTS
    }

    #[inline]
    fn of(name: &[u8]) -> Option<Self> {
        let (first, last) = match name.len() {
            8..=16 => (u64::from_le_bytes(*name.first_chunk()?), u64::from_le_bytes(*name.last_chunk()?)),
            4..=7 => {
                let words =
                    (u32::from_le_bytes(*name.first_chunk()?), u32::from_le_bytes(*name.last_chunk()?));
                (words.0.into(), words.1.into())
            }
            length @ 1..=3 => {
                let [first, middle, last] = [name[0], name[length / 2], name[length - 1]];
                (u16::from_le_bytes([first, middle]).into(), last.into())
            }
            _ => return None,
        };
        Some(Self(first, last, name.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_are_told_apart() {
        let names: Vec<String> = (1..40)
            .flat_map(|length| {
                ["a".repeat(length), format!("{}b", "a".repeat(length)), format!("b{}", "a".repeat(length))]
            })
            .collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        let mut channels = Channels::default();
        for name in names.iter().chain(&names) {
            let number = channels.number(format!("  {name}\t").as_bytes()).unwrap();
            assert_eq!(channels.met(name.as_bytes()), Some(number).filter(|_| name.len() <= 16));
            assert_eq!(channels.names()[usize::from(number)], *name);
        }
        assert_eq!(channels.names().len(), distinct.len());
    }
}
