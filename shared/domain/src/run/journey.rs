//! Which of a customer's touches make the journey to a conversion.

use crate::codes::codes;

codes! {
    /// Whether touches by which customers come on their own count beside others.
    #[derive(Default)]
    DirectTouches {
        #[default]
        Count = "count",
        /// Only where no other touch counts.
        CountAlone = "count_alone",
    }
}

codes! {
    /// Whether a conversion ends a journey.
    #[derive(Default)]
    AfterConversion {
        /// Touches count for every conversion of their customer that follows within the window.
        #[default]
        Continue = "continue",
        /// Only touches after the customer's conversion before count, where that is of a type and amount that the run takes.
        Reset = "reset",
    }
}

codes! {
    /// What becomes of touches on one channel: the names are those that are usual for paths of channels.
    #[derive(Default)]
    PathTransform {
        /// Every touch counts.
        #[default]
        Unique = "unique",
        /// Of touches that follow each other on one channel, the first counts.
        Exposure = "exposure",
        /// Of all touches on one channel, the first counts.
        First = "first",
        /// The same; and to DATA_DRIVEN, a channel that was passed twice is another one than one that was passed once.
        Frequency = "frequency",
    }
}
