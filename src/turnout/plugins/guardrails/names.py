"""Given names, and words after them that make no surname: what tells people from places and things."""

from __future__ import annotations

__all__ = ["FIRST_NAMES", "NO_SURNAMES"]

FIRST_NAMES = tuple(
    """
Aarav Aaron Abdul Abdullah Abigail Adaeze Adam Adrian Adriana Agnes Agnieszka Ahmad Ahmed Aiden Aiko Aisha Akira Alan
Albert Alejandro Aleksandr Alessandro Alessia Alexander Alexandra Alexis Alfred Ali Alice Alicia Allison Amanda Amara
Amelia Amina Aminata Amir Amit Amy Ana Ananya Anastasia Anders Andrea Andreas Andrei Andrew Andriy Angela Angelika
Anita Anja Anjali Ann Anna Anne Annette Antoine Anton Antonio Anya Aoife Arjun Arthur Ashley Astrid Attila Audrey Ava
Ayesha Ayşe Barack Barbara Beatrice Beatriz Bella Ben Benjamin Bernard Bernd Beth Betty Bianca Bilal Billy Birgit
Bjørn Bob Bobby Bogdan Bohdan Boris Brandon Brenda Brett Brian Brigitte Bruce Bruno Caleb Camila Camille Carl Carla
Carlos Carmen Carol Caroline Carolyn Catherine Cecilia Charles Charlotte Chen Cheryl Chiara Chinedu Chloe Christian
Christina Christine Christoph Christopher Chukwu Ciarán Claire Clara Claudia Cody Colin Connor Craig Cynthia Daniel
Daniela Dave David Deborah Debra Declan Deepak Denise Dennis Derek Diego Dieter Dimitri Divya Dmitri Dmytro Dolores
Dominic Donald Donna Dorothy Douglas Dustin Dylan Edith Eduardo Edward Eileen Eleanor Elena Elias Elif Elijah Elisa
Elisabeth Elizabeth Ella Ellen Ellie Elon Emeka Emil Emilia Emily Emma Emre Enrique Eoin Eric Erik Erika Ernst Esther
Ethan Eugene Eva Evan Evelyn Ewa Faisal Farah Fatima Fatma Fatou Federica Felipe Felix Fernanda Fernando Fiona Florian
Francesca Francesco Francis Francisco Frank Franz François Françoise Fred Frederick Freya Frieda Fritz Gabriel
Gabriela Gary Gavin Gemma Geoffrey Gerald Gerhard Gertrud Giorgia Giovanni Giulia Giuseppe Gloria Gonzalo Greg Gregory
Greta Guillaume Gustav Gábor Hannah Hans Harald Harold Haruto Hassan Heather Heidi Heike Heinrich Helen Helena Helga
Helmut Henri Henrik Henry Herbert Hillary Hiro Hiroshi Horst Howard Hugo Hussein Hélène Hüseyin Ian Ibrahim Ines
Ingrid Ioana Irene Irina Isaac Isabel Isabella Isabelle István Ivan Jack Jacob Jacqueline Jacques Jakob Jamal James
Jan Jana Jane Janet Janice Jason Javier Jaxon Jean Jeff Jeffrey Jennifer Jeremiah Jeremy Jerry Jesse Jessica Jihoon
Jim Jimmy Jin Jiří Joachim Joan Joanna Joao Joe Johan Johann Johannes John Johnny Jonas Jonathan Jorge Jose Joseph
Joshua Josiah José Juan Juanita Judith Judy Julia Julian Juliana Julie Justin Jérôme Jürgen Kai Kamala Karen Karim
Karin Karl Katarzyna Kate Katharina Katherine Kathleen Kathryn Katie Katja Kavita Kazuki Keiko Keith Kelly Kenji
Kenneth Kenta Kerstin Kevin Khalid Kim Kimberly Klaus Kofi Kristen Kristina Krzysztof Kumar Kurt Kwame Kyle Lakshmi
Landon Lars Laura Lauren Laurent Layla Leah Leila Lena Leo Leon Leonard Leonardo Leticia Liam Lilian Linda Linh Lionel
Lisa Liz Logan Lorenzo Louis Louise Luca Lucas Lucia Lucy Luigi Luis Luisa Lukas Lukáš László Magdalena Maggie Maja
Mamadou Manfred Manuel Marc Marcel Marco Marcos Marek Margaret Margit Maria Mariana Marie Marilyn Marina Mario Marion
Markus Marlene Marta Martha Martin Martina Mary María Massimo Mateo Mathieu Matt Matteo Matthew Matthias Maurice
Maximilian Małgorzata Meera Meg Megan Mehmet Mei Melissa Mia Michael Michele Michelle Miguel Mihai Mike Mikhail Minh
Minjun Mohamed Mohammad Mohammed Molly Monica Monika Muhammad Mustafa Nadia Nancy Naoko Narendra Natalia Natalie
Natasha Nathalie Nathan Neha Ngozi Nguyen Niamh Nicholas Nick Nicola Nicolas Nicole Nikita Nikolai Nils Nina Nisha
Noah Nolan Noor Nora Norbert Oksana Olaf Oleg Olga Oliver Olivia Olivier Oluwaseun Omar Oscar Oskar Otto Owen Pablo
Pamela Paola Paolo Patricia Patrick Paul Paula Paulo Pavel Paweł Pedro Peggy Peter Petr Petra Philip Philipp Philippe
Pierre Pietro Piotr Pooja Priya Rachel Radu Rafael Rahul Rainer Raj Rajesh Ralf Ralph Ramon Raphael Ravi Raymond
Rebecca Reinhard Renata Renate Renee Ricardo Richard Rick Rita Robert Roberta Roberto Rodrigo Roger Rohan Roland Rolf
Ron Ronald Rosa Rudolf Rui Ruth Ryan Sabine Sabrina Sakura Sally Salma Salvatore Sam Samantha Samir Samuel Sandra
Sanjay Saoirse Sara Sarah Satoshi Scarlett Scott Seamus Sean Sebastian Sergei Sergey Sergio Seth Shane Sharon Sheila
Shirley Sigrid Silke Silvia Simon Simone Siobhan Sofia Sonia Soojin Sophia Sophie Stefan Stefanie Stefano Steffen
Stella Stephanie Stephen Steve Steven Sue Sunil Sunita Suresh Susan Susanne Sven Svetlana Sylvia Sylvie Søren Takashi
Tamara Tanja Tanya Tara Tariq Tatiana Taylor Ted Teresa Thanh Theodor Theodore Theresa Thiago Thierry Thomas Thorsten
Tiago Tim Timothy Tina Tobias Todd Tom Tomas Tomasz Tommy Tomáš Tony Torsten Tracy Travis Trevor Tyler Ulrich Ulrike
Ursula Ute Uwe Valentina Valeria Valerie Vanessa Vera Veronica Victor Victoria Vijay Vikram Viktor Vince Vincent
Vincenzo Vivek Vivian Vladimir Volodymyr Véronique Walter Wang Wei Wendy Werner Whitney William Wolfgang Wyatt Xavier
Ximena Yasmin Yoko Yolanda Youssef Yuki Yulia Yuri Yusuf Yves Yvette Yvonne Zach Zachary Zahra Zainab Zhang Zoe Zofia
Zoltán Zoë Zuzana Étienne
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
