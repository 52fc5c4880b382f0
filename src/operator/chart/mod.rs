//! What a chart of a story needs, whatever it is drawn with: moments as a person reads them, an axis of time, and
//! text from outside that cannot do harm.

mod axis;
mod calendar;
mod harmless;

pub(super) use axis::{Axis, Tick};
pub(super) use calendar::Calendar;
pub(super) use harmless::harmless;
