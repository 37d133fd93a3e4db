//! Routes put together, middleware order, listeners, graceful stop, background tasks.
