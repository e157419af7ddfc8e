//! Attribution of what stands in files: paths and journeys from tables, channels and credits into tables.

mod attribute;
mod channels;
mod model;
mod numbers;
mod records;
mod rows;
mod source;
mod table;
mod tally;
mod write;

pub use attribute::{AttributeError, Attributed, ChannelRow, TransitionRow};
pub use channels::Channels;
pub use model::{Asked, Choice};
pub use records::FileError;
pub use rows::Layout;
pub use source::Source;
pub use table::{JOURNEY_COLUMNS, JourneyTable, PATH_COLUMNS};
pub use write::{CreditsWriter, write_channels, write_transitions};
