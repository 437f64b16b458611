import pytest

from training.judge import STUDIES, main


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_has_options_of_its_own(study, capsys):
    with pytest.raises(SystemExit):
        main([study, "--help"])
    told = capsys.readouterr().out
    assert told.startswith(f"usage: python app.py judge {study} ")


def test_without_a_study_it_is_the_table(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--search" in capsys.readouterr().out
