class SecondDatabase:
    """Keeps one model in a database of its own."""

    def db_for_read(self, model, **hints):
        return "second" if model._meta.label == "kinds.Elsewhere" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        is_elsewhere = app_label == "kinds" and model_name == "elsewhere"
        return is_elsewhere if db == "second" else not is_elsewhere
