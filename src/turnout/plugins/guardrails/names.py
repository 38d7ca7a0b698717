"""Given names, and words after them that make no surname: what tells people from places and things."""

from __future__ import annotations

__all__ = ["FIRST_NAMES", "NO_SURNAMES"]

FIRST_NAMES = tuple(
    """
Aaron Abdul Abdullah Abigail Adam Adrian Adriana Agnes Ahmad Ahmed Aisha Akira Alan Albert Alejandro Aleksandr
Alessandro Alexander Alexandra Alexis Alfred Alice Alicia Allison Amanda Amelia Amina Amir Amit Amy Ana Anastasia
Anders Andrea Andreas Andrei Andrew Angela Angelika Anita Anja Ann Anna Anne Annette Antoine Anton Antonio Anya Arjun
Arthur Ashley Astrid Audrey Ayesha Barbara Beatrice Beatriz Ben Benjamin Bernard Bernd Beth Betty Bianca Birgit Boris
Brandon Brenda Brian Brigitte Bruce Bruno Camila Camille Carl Carla Carlos Carmen Carol Caroline Carolyn Catherine
Cecilia Charles Charlotte Chen Cheryl Chiara Chloe Christian Christina Christine Christoph Christopher Claire Clara
Claudia Colin Cynthia Daniel Daniela David Deborah Debra Deepak Denise Dennis Diego Dieter Dimitri Dmitri Dolores
Dominic Donald Donna Dorothy Douglas Dylan Edith Eduardo Edward Eileen Elena Elias Elisabeth Elizabeth Ella Ellen Emil
Emily Emma Enrique Eric Erik Erika Ernst Esther Ethan Eugene Eva Evelyn Farah Fatima Felipe Felix Fernanda Fernando
Fiona Florian Francesca Francesco Francis Francisco Frank Franz Fred Frederick Frieda Fritz Gabriel Gabriela Gary
Gemma Geoffrey Gerald Gerhard Gertrud Giovanni Giulia Giuseppe Gloria Gonzalo Gregory Greta Guillaume Gustav Hannah
Hans Harald Harold Haruto Hassan Heather Heidi Heike Heinrich Helen Helena Helga Helmut Henri Henrik Henry Herbert
Hiroshi Horst Howard Hugo Ian Ibrahim Ines Ingrid Irene Irina Isaac Isabel Isabella Isabelle Ivan Jack Jacob
Jacqueline Jacques Jakob Jamal James Jan Jana Jane Janet Janice Jason Javier Jean Jeffrey Jennifer Jeremy Jerry Jesse
Jessica Jin Joachim Joan Joanna Joao Joe Johan Johann Johannes John Jonas Jonathan Jorge Jose Joseph Joshua José Juan
Juanita Judith Judy Julia Julian Juliana Julie Justin Jürgen Kai Karen Karin Karl Katarzyna Kate Katharina Katherine
Kathleen Kathryn Katja Kazuki Keiko Keith Kelly Kenji Kenneth Kerstin Kevin Khalid Kimberly Klaus Kristen Kristina
Krzysztof Kumar Kurt Kyle Lakshmi Lars Laura Lauren Laurent Layla Leila Lena Leo Leon Leonard Leonardo Leticia Liam
Lilian Linda Lisa Logan Lorenzo Louis Louise Luca Lucas Lucia Lucy Luis Luisa Lukas Magdalena Maja Manfred Manuel Marc
Marcel Marco Marcos Margaret Margit Maria Mariana Marie Marilyn Marina Mario Marion Markus Marlene Marta Martha Martin
Martina Mary María Mateo Matteo Matthew Matthias Maurice Maximilian Megan Mei Melissa Michael Michelle Miguel Mikhail
Mohamed Mohammad Mohammed Monica Monika Muhammad Mustafa Nadia Nancy Natalia Natalie Natasha Nathan Neha Nicholas
Nicolas Nicole Nikolai Nina Noah Nora Norbert Olaf Oleg Olga Oliver Olivia Omar Oscar Oskar Otto Pablo Pamela Paola
Patricia Patrick Paul Paula Pavel Pedro Peter Petra Philip Philipp Philippe Pierre Piotr Priya Rachel Rafael Rahul Raj
Rajesh Ralf Ralph Ramon Raphael Raymond Rebecca Reinhard Renate Ricardo Richard Rita Robert Roberto Rodrigo Roger
Roland Rolf Ronald Rosa Ruth Ryan Sabine Sakura Salma Samantha Samuel Sandra Sanjay Sara Sarah Scott Sean Sebastian
Sergei Sergio Sharon Shirley Silvia Simon Simone Sofia Sophia Sophie Stefan Stefanie Stella Stephanie Stephen Steven
Sunita Susan Susanne Sven Svetlana Sylvia Takashi Tamara Tanja Tatiana Teresa Theodor Theodore Theresa Thomas Timothy
Tobias Tomas Tyler Ulrich Ursula Uwe Valentina Valeria Vanessa Vera Veronica Victor Victoria Vijay Viktor Vincent
Vivek Vladimir Walter Wang Wei William Wolfgang Xavier Yasmin Yolanda Yuki Yuri Yusuf Yvonne Zachary Zainab Zhang Zoe
""".split()  # noqa: SIM905 - a page of words is easier to read than a page of quotation marks
)
"""Common in many countries; those that are as often a word, a month or a place are left out."""

NO_SURNAMES = frozenset(
    """
Academy Airport Algorithm And Are Asked Avenue Award Awards Bank Bay Beach Book Boulevard Bridge But Can Castle
Cathedral Center Centre Channel Chapel Church City Clinic Club College Company Constant Corporation County Court Cup
Curve Day Did Distribution Does Drive Effect Engine Equation Falls Ferry Festival For Formula Foundation Fund Gallery
Game Garden Gardens Group Had Hall Has High Hill Hospital Hotel House How Inc Institute Is Island Islands Lake Lane
Law League Library Line Living Ltd Mall Market May Method Model Monday Mount Museum Needs Number Numbers Of On
Optimizer Or Paradox Park Place Plaza Please Port Principle Prize Project Regards Report Restaurant River Road Room
Said Says School Series Should Square Stadium Stakes Station Street Studio Sunday Syndrome Test Thanks The Theatre
Theorem Tower Town Transform Tree Trophy Trust Tuesday University Valley Vuitton Wants Was Way When Will Wing Woods
Would
""".split()  # noqa: SIM905 - a page of words is easier to read than a page of quotation marks
)
