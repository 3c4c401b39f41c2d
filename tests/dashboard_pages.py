"""The dashboard's pages run without a browser."""

from streamlit.testing.v1 import AppTest


def whole_app(root, **query):
    def script(root):
        from pathlib import Path

        from yolact_temporal.dashboards import app

        app.main(Path(root))

    test = AppTest.from_function(script, args=(str(root),), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def one_page(root, name):
    def script(root, name):
        from importlib import import_module
        from pathlib import Path

        from yolact_temporal.dashboards.loader import find_runs, open_run
        from yolact_temporal.dashboards.views.context import Context

        root = Path(root)
        entries = find_runs(root)
        finished = [entry for entry in entries if entry.state == "finished"]
        run = open_run(root, finished[0]) if finished else None
        import_module(f"yolact_temporal.dashboards.views.{name}").show(Context(root, entries, run))

    return AppTest.from_function(script, args=(str(root), name), default_timeout=60).run()
