//! Results as tables.

use std::io::{self, Write};

use attribution::Channel;

use crate::attribute::Attributed;
use crate::model::Choice;
use crate::table::JourneyTable;

/// Writes `model,channel,conversions,value,removal_effect_conversion,removal_effect_value`.
pub fn write_channels(attributed: &Attributed, to: impl Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(to);
    let columns =
        ["model", "channel", "conversions", "value", "removal_effect_conversion", "removal_effect_value"];
    table.write_record(columns)?;
    for row in &attributed.channels {
        let removal = |of: fn(&attribution::markov::Effect) -> f64| {
            row.removal.as_ref().map(|effect| of(effect).to_string()).unwrap_or_default()
        };
        table.write_record([
            &row.model,
            &row.channel,
            &row.conversions.to_string(),
            &row.value.to_string(),
            &removal(|effect| effect.conversions),
            &removal(|effect| effect.value),
        ])?;
    }
    table.flush()
}

/// Writes `model,from,to,probability`.
pub fn write_transitions(attributed: &Attributed, to: impl Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(to);
    table.write_record(["model", "from", "to", "probability"])?;
    for row in &attributed.transitions {
        table.write_record([&row.model, &row.from, &row.to, &row.probability.to_string()])?;
    }
    table.flush()
}

/// Writes `journey,touch,channel,model,amount_minor`, a line for each touch of each journey that converted.
pub struct CreditsWriter<W: Write> {
    table: csv::Writer<W>,
}

impl<W: Write> CreditsWriter<W> {
    pub fn begin(to: W) -> io::Result<Self> {
        let mut table = csv::Writer::from_writer(to);
        table.write_record(["journey", "touch", "channel", "model", "amount_minor"])?;
        Ok(Self { table })
    }

    /// What one model credited to the touches of a table.
    pub fn write(&mut self, choice: &Choice, journeys: &JourneyTable, credits: &[i64]) -> io::Result<()> {
        let names = journeys.channels.names();
        let name = |channel: Channel| names[usize::from(channel)].as_bytes();
        for (id, (passed, journey)) in journeys.ids().zip(journeys.credited()) {
            for (touch, (channel, credit)) in passed.iter().zip(&credits[journey.span]).enumerate() {
                let (touch, credit) = (touch.to_string(), credit.to_string());
                let row = [id, touch.as_bytes(), name(*channel), choice.name.as_bytes(), credit.as_bytes()];
                self.table.write_record(row)?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and gives back where it was written to.
    pub fn into_inner(self) -> io::Result<W> {
        self.table.into_inner().map_err(|error| error.into_error())
    }
}
